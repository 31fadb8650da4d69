"""The pinned attribute classifier: one small ResNet whose classes are the cells profession × gender × skin type, and its confusion matrices.

It is trained once and never changes during a run, so that a drift of what is measured is not a drift of the ruler. Its known errors on held-out
renders (a confusion matrix per attribute) correct the shares that it observes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor
from transformers import ResNetConfig, ResNetForImageClassification

CONFUSION_FILE = "confusion.json"
_BATCH = 250


@final
@dataclass(frozen=True)
class AttributeClassifier:
    """`cells[i]` names class i's value of every attribute; `confusion[attribute][observed][true]` are shares that sum to 1 over `observed`."""

    model: ResNetForImageClassification
    values: Mapping[str, tuple[str, ...]]
    cells: Sequence[Mapping[str, str]]
    confusion: Mapping[str, list[list[float]]]

    @torch.inference_mode()
    def label(self, images: Tensor) -> list[dict[str, str]]:
        """Return the likeliest value of every attribute for each of the uint8 images [n, 64, 64, 3]."""
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
        content = {"values": dict(self.values), "cells": [dict(cell) for cell in self.cells], "confusion": dict(self.confusion)}
        (folder / CONFUSION_FILE).write_text(json.dumps(content))


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
    values: Mapping[str, tuple[str, ...]], true: Sequence[Mapping[str, str]], observed: Sequence[Mapping[str, str]]
) -> dict[str, list[list[float]]]:
    """Return per attribute C[observed][true] = P(observed | true), columns summing to 1; every true value must occur."""
    matrices = {}
    for attribute, names in values.items():
        counts = np.zeros((len(names), len(names)))
        for is_, seen in zip(true, observed, strict=True):
            counts[names.index(seen[attribute]), names.index(is_[attribute])] += 1
        matrices[attribute] = (counts / counts.sum(0)).tolist()
    return matrices


def load_classifier(folder: Path) -> AttributeClassifier:
    """Return the classifier that `AttributeClassifier.save` wrote to `folder`."""
    content = json.loads((folder / CONFUSION_FILE).read_text())
    model = ResNetForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    values = {attribute: tuple(names) for attribute, names in content["values"].items()}
    return AttributeClassifier(model, values, content["cells"], content["confusion"])
