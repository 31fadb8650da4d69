"""Pinned attribute classifiers: the pocket world's own, zero-shot with a frozen CLIP, or any
image-classification checkpoints.

A classifier never changes during a run, so that a drift of what is measured is not a drift of the ruler. Its
known errors on a labelled set (a confusion matrix per attribute) correct the shares that it observes.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
)

from loopsim.core.device import CPU, Device
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.clip import Clip
from loopsim.models.safe_weights import LOAD_ERRORS, first_line, refuse_pickles

CONFUSION_FILE = "confusion.json"
_BATCH = 250


# What zero-shot classification asks CLIP, in loopsim's words for the groups.
PROMPTS: dict[str, dict[str, tuple[str, ...]]] = {
    "gender": {
        "man": ("a photo of a man", "a photo of a male person"),
        "woman": ("a photo of a woman", "a photo of a female person"),
    },
    "skin_tone": {
        "lighter": ("a photo of a person with light skin", "a photo of a light-skinned person"),
        "darker": ("a photo of a person with dark skin", "a photo of a dark-skinned person"),
    },
    "race": {
        "black": ("a photo of a Black person",),
        "east_asian": ("a photo of an East Asian person",),
        "indian": ("a photo of an Indian person",),
        "latino_hispanic": ("a photo of a Latino or Hispanic person",),
        "middle_eastern": ("a photo of a Middle Eastern person",),
        "southeast_asian": ("a photo of a Southeast Asian person",),
        "white": ("a photo of a White person",),
    },
    "age_group": {
        "baby_and_child": ("a photo of a baby", "a photo of a child"),
        "young": ("a photo of a young person",),
        "adult": ("a photo of an adult person",),
        "senior": ("a photo of an old person", "a photo of a senior person"),
    },
}


class AttributeClassifier(ABC):
    """`values` are the labels that it can give, by attribute; `confusion[attribute][observed][true]` are
    shares that sum to 1 over `observed`.

    An attribute without a confusion matrix was never compared with labelled pictures.
    """

    values: Mapping[str, tuple[str, ...]]
    confusion: Mapping[str, list[list[float]]]

    @abstractmethod
    def label(self, images: Tensor) -> list[dict[str, str]]:
        """Return the likeliest value of every attribute for each of the uint8 images [n, h, w, 3]."""


@final
@dataclass(frozen=True)
class CellClassifier(AttributeClassifier):
    """The pocket world's: one small ResNet whose classes are the cells profession × gender × skin type;
    `cells[i]` names class i's values.
    """

    model: ResNetForImageClassification
    values: Mapping[str, tuple[str, ...]]
    cells: Sequence[Mapping[str, str]]
    confusion: Mapping[str, list[list[float]]]

    @torch.inference_mode()
    def label(self, images: Tensor) -> list[dict[str, str]]:
        logits = torch.cat([self.model(pixels(part)).logits for part in images.split(_BATCH)])
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
            "confusion": dict(self.confusion),
        }
        (folder / CONFUSION_FILE).write_text(json.dumps(content))


@final
@dataclass(frozen=True)
class ZeroShotClassifier(AttributeClassifier):
    """A frozen CLIP: of an attribute's values the one whose prompts' mean feature is nearest to the
    picture's. `texts[attribute]` is [values, d].
    """

    clip: Clip
    values: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, Tensor]
    confusion: Mapping[str, list[list[float]]]

    def label(self, images: Tensor) -> list[dict[str, str]]:
        features = self.clip.encode_images(images)
        chosen = {
            attribute: (features @ texts.T).argmax(-1).tolist() for attribute, texts in self.texts.items()
        }
        return [
            {attribute: self.values[attribute][chosen[attribute][i]] for attribute in self.values}
            for i in range(len(images))
        ]


@final
@dataclass(frozen=True)
class CheckpointClassifier(AttributeClassifier):
    """One image-classification model of transformers for each attribute, with its image processor."""

    models: Mapping[str, tuple[Any, Any]]
    values: Mapping[str, tuple[str, ...]]
    confusion: Mapping[str, list[list[float]]]
    device: Device = CPU

    @torch.inference_mode()
    def label(self, images: Tensor) -> list[dict[str, str]]:
        labels: list[dict[str, str]] = [{} for _ in images]
        for attribute, (model, processor) in self.models.items():
            for start in range(0, len(images), _BATCH):
                inputs = processor(
                    images=list(images[start : start + _BATCH].numpy()), return_tensors="pt"
                ).pixel_values
                for offset, choice in enumerate(
                    model(inputs.to(self.device.name)).logits.argmax(-1).tolist()
                ):
                    labels[start + offset][attribute] = self.values[attribute][choice]
        return labels


def zero_shot(
    clip: Clip, attributes: Sequence[str], prompts: Mapping[str, Mapping[str, Sequence[str]]]
) -> ZeroShotClassifier:
    """Return a zero-shot classifier of these attributes. Raises ConfigError for one that has no prompts."""
    values, texts = {}, {}
    for attribute in dict.fromkeys((*attributes, *prompts)):
        asked = prompts.get(attribute, PROMPTS.get(attribute))
        if not asked or len(asked) < 2:
            raise ConfigError(
                f"classifier.prompts has no prompts for {attribute!r}: give two values or more; known "
                f"without: {', '.join(PROMPTS)}"
            )
        values[attribute] = tuple(asked)
        texts[attribute] = nn.functional.normalize(
            torch.stack([clip.encode_texts(list(p)).mean(0) for p in asked.values()]), dim=-1
        )
    return ZeroShotClassifier(clip, values, texts, {})


def load_checkpoints(
    checkpoints: Mapping[str, str], renames: Mapping[str, str], device: Device = CPU
) -> CheckpointClassifier:
    """Return a classifier of image-classification checkpoints (folders or hub ids), by attribute. Raises
    DataError.
    """
    models, values = {}, {}
    for attribute, name in checkpoints.items():
        refuse_pickles(Path(name))
        try:
            model = AutoModelForImageClassification.from_pretrained(
                name, dtype=torch.float32, use_safetensors=True
            ).eval()
            models[attribute] = (device.place(model), AutoImageProcessor.from_pretrained(name))
        except LOAD_ERRORS as error:
            raise DataError(
                f"classifier {name!r} of {attribute} cannot be loaded: {first_line(error)}"
            ) from error
        known = model.config.id2label
        values[attribute] = tuple(renames.get(known[i], known[i]) for i in range(len(known)))
    return CheckpointClassifier(models, values, {}, device)


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


def confusion_matrices(
    values: Mapping[str, tuple[str, ...]],
    true: Sequence[Mapping[str, str]],
    observed: Sequence[Mapping[str, str]],
) -> dict[str, list[list[float]]]:
    """Return per attribute C[observed][true] = P(observed | true), columns summing to 1; an attribute with a
    value that never occurs is left out.
    """
    matrices = {}
    for attribute, names in values.items():
        counts = np.zeros((len(names), len(names)))
        for is_, seen in zip(true, observed, strict=True):
            if is_.get(attribute) in names:
                counts[names.index(seen[attribute]), names.index(is_[attribute])] += 1
        if counts.sum(0).all():
            matrices[attribute] = (counts / counts.sum(0)).tolist()
    return matrices


def load_classifier(folder: Path) -> CellClassifier:
    """Return the classifier that `CellClassifier.save` wrote to `folder`."""
    content = json.loads((folder / CONFUSION_FILE).read_text())
    model = ResNetForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    values = {attribute: tuple(names) for attribute, names in content["values"].items()}
    return CellClassifier(model, values, content["cells"], content["confusion"])
