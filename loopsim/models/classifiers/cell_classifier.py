"""The pocket world's own classifier: one small network for all attributes, shipped with its known errors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor
from transformers import ResNetConfig, ResNetForImageClassification

from loopsim.config import SHIPPED, ClassifierConfig
from loopsim.core.device import Device
from loopsim.core.errors import DataError
from loopsim.metrics.confusion import Confusion
from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.classifier_kind import ClassifierKind
from loopsim.models.clip import Clip
from loopsim.models.gate import check_model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.whole import load_whole

CONFUSION_FILE = "confusion.json"
_BATCH = 250


def pixels(images: Tensor) -> Tensor:
    """Return the network's input [n, 3, h, w] in [-1, 1] of uint8 images [n, h, w, 3]."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def build_network(num_classes: int) -> ResNetForImageClassification:
    """Return the classifier's network with random weights (torch's global generator draws them)."""
    config = ResNetConfig(
        embedding_size=32,
        hidden_sizes=[48, 96, 160],
        depths=[1, 1, 1],
        layer_type="basic",
        num_labels=num_classes,
    )
    return ResNetForImageClassification(config)


@final
@dataclass(frozen=True)
class CellClassifier(AttributeClassifier):
    """The pocket world's: one small ResNet whose classes are the cells profession × gender × skin type;
    `cells[i]` names class i's values.
    """

    model: ResNetForImageClassification
    cells: Sequence[Mapping[str, str]]

    @torch.inference_mode()
    def label(self, images: Tensor) -> list[dict[str, str]]:
        parts = images.split(_BATCH)  # type: ignore[no-untyped-call]
        logits = torch.cat([self.model(pixels(part)).logits for part in parts])
        probabilities = logits.softmax(-1)
        labels: list[dict[str, str]] = [{} for _ in images]
        for attribute, values in self.values.items():
            owner = torch.tensor([values.index(cell[attribute]) for cell in self.cells])
            marginal = torch.zeros(len(images), len(values)).index_add_(1, owner, probabilities)
            for label, choice in zip(labels, marginal.argmax(-1).tolist(), strict=True):
                label[attribute] = values[choice]
        return labels

    def save(self, folder: Path) -> None:
        """Write the network as transformers loads it, and the confusion matrices beside it."""
        self.model.save_pretrained(folder)
        content = {
            "values": dict(self.values),
            "cells": [dict(cell) for cell in self.cells],
            "confusion": {name: one.counts for name, one in self.confusion.items()},
        }
        (folder / CONFUSION_FILE).write_text(json.dumps(content))


def load_classifier(folder: Path) -> CellClassifier:
    """Return the classifier that `CellClassifier.save` wrote to `folder`. Raises DataError."""
    check_model_folder(folder)
    try:
        content = json.loads((folder / CONFUSION_FILE).read_text())
        model = load_whole(ResNetForImageClassification, folder, dtype=torch.float32).eval()
        values = {attribute: tuple(names) for attribute, names in content["values"].items()}
        confusion = {name: Confusion.of(counts) for name, counts in content["confusion"].items()}
        return CellClassifier(model, content["cells"], values=values, confusion=confusion)
    except LOAD_ERRORS as error:
        raise DataError(f"classifier {folder} cannot be loaded: {first_line(error)}") from error


@final
class ShippedClassifier(ClassifierKind):
    """The classifier that loopsim ships: of the pocket world, on the CPU, with its confusion matrices."""

    name = "shipped"

    def named_models(self, config: ClassifierConfig) -> Mapping[str, str]:
        return {"classifier": SHIPPED}

    def labels(self, config: ClassifierConfig, weights: Path) -> Mapping[str, tuple[str, ...]]:
        path = weights / "classifier" / CONFUSION_FILE
        try:
            values = json.loads(path.read_text())["values"]
            return {attribute: tuple(names) for attribute, names in values.items()}
        except LOAD_ERRORS as error:
            raise DataError(f"classifier {path.parent} cannot be loaded: {first_line(error)}") from error

    def open(
        self, config: ClassifierConfig, weights: Path, device: Device, frozen_clip: Callable[[], Clip]
    ) -> AttributeClassifier:
        return load_classifier(weights / "classifier")


SHIPPED_CLASSIFIER = ShippedClassifier()
