"""Attribute classifiers: the shipped one is right, zero-shot ones need prompts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from loopsim.config import ClassifierConfig
from loopsim.core.errors import ConfigError
from loopsim.models.classifiers.cell_classifier import load_classifier
from loopsim.models.classifiers.confusion import confusion_matrices
from loopsim.models.classifiers.zero_shot import zero_shot
from loopsim.models.clip import load_clip
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels


def test_the_classifier_is_right_and_its_confusion_is_counted(
    weights: Path, pictures: torch.Tensor, groups: list
) -> None:
    classifier = load_classifier(weights / "classifier")
    labels = classifier.label(pictures)
    for attribute in ("profession", "gender", "skin_type", "skin_tone"):
        assert (
            np.mean(
                [label[attribute] == group[attribute] for label, group in zip(labels, groups, strict=True)]
            )
            >= 0.97
        )
        assert classifier.confusion[attribute].n == 4000
        assert classifier.confusion[attribute].trouble is None


def test_confusion_matrices_have_true_values_in_columns() -> None:
    true = [{"a": "x"}, {"a": "x"}, {"a": "y"}]
    seen = [{"a": "x"}, {"a": "y"}, {"a": "y"}]
    found = confusion_matrices({"a": ("x", "y"), "b": ("x", "y")}, true, seen)
    assert {name: one.counts for name, one in found.items()} == {"a": ((1, 0), (1, 1))}
    assert found["a"].rates.tolist() == [[0.5, 0.0], [0.5, 1.0]]


def test_zero_shot_needs_prompts_and_uses_them(tiny_models: TinyModels) -> None:
    clip = load_clip(tiny_models["vit"])
    found = zero_shot(clip, ("gender",), {"shape": {"square": ["a square"], "person": ["a person"]}})
    labels = found.label(corpora.pictures(4))
    assert set(labels[0]) == {"gender", "shape"}
    assert {label["gender"] for label in labels} <= {"man", "woman"}
    with pytest.raises(ConfigError, match="no prompts for 'mood'"):
        zero_shot(clip, ("mood",), {})
    assert ClassifierConfig(kind="zero_shot").attributes == ("gender", "skin_tone")
