"""Attribute classifiers: the shipped one is right, zero-shot ones need prompts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from loopsim.config import ClassifierConfig
from loopsim.core.errors import ConfigError
from loopsim.models.classifiers.cell_classifier import load_classifier
from loopsim.models.classifiers.confusion import confusion_matrices
from loopsim.models.classifiers.zero_shot import NOBODY, ZeroShotClassifier, zero_shot
from loopsim.models.clip import load_clip
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import UNSURE


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


def test_a_picture_that_is_nearest_to_nobody_has_no_label(tiny_models: TinyModels) -> None:
    clip, images = load_clip(tiny_models["vit"]), corpora.pictures(4)
    man, woman, cat, car = clip.encode_images(images)
    people, others = torch.stack([man, woman]), torch.stack([cat, car])
    values = {"gender": ("man", "woman"), "mood": ("glad", "sad")}
    texts = {"gender": people, "mood": people.flip(0)}
    found = ZeroShotClassifier(clip, texts, people, others, values=values, abstains=frozenset(values))
    nobody = {"gender": "", "mood": ""}
    assert found.label(images) == [
        {"gender": "man", "mood": "sad"}, {"gender": "woman", "mood": "glad"}, nobody, nobody,
    ]  # fmt: skip
    certain = ZeroShotClassifier(clip, texts, people, values=values)
    assert "" not in {value for label in certain.label(images) for value in label.values()}


def test_it_is_the_nearest_prompt_of_all_that_says_whether_somebody_is_there(tiny_models: TinyModels) -> None:
    clip, images = load_clip(tiny_models["vit"]), corpora.pictures(48)
    prompts, nobody = UNSURE["prompts"], UNSURE["nobody"]
    found = zero_shot(clip, (), prompts, nobody).label(images)
    everybody = zero_shot(clip, (), prompts).label(images)
    asked = [text for values in prompts.values() for texts in values.values() for text in texts]
    features = clip.encode_images(images)
    cosines = {text: features @ clip.encode_texts([text])[0] for text in [*asked, *nobody]}
    for i, (label, certain) in enumerate(zip(found, everybody, strict=True)):
        nearest = max(cosines, key=lambda text: float(cosines[text][i]))
        assert label == (dict.fromkeys(certain, "") if nearest in nobody else certain)
    assert 5 < sum(label["gender"] == "" for label in found) < 43
    assert {label["gender"] for label in found} == {"man", "woman", ""}


def test_nothing_is_denied_in_the_prompts_for_nobody() -> None:
    """CLIP hears "without people" as people."""
    words = {word for prompt in NOBODY for word in prompt.split()}
    assert not words & {"no", "not", "without", "nobody", "person", "people", "man", "woman"}


def test_how_often_no_label_was_given_is_counted() -> None:
    true = [{"a": "x"}, {"a": "x"}, {"a": "y"}, {"a": "y"}, {}]
    seen = [{"a": "x"}, {"a": ""}, {"a": "y"}, {"a": "x"}, {"a": ""}]
    [found] = confusion_matrices({"a": ("x", "y")}, true, seen, {"a"}).values()
    assert (found.seen, found.abstained, found.n) == (((1, 1), (0, 1)), (1, 0), 4)
    never = confusion_matrices({"a": ("x", "y")}, true, [*seen[:1], {"a": "x"}, *seen[2:]], {"a"})["a"]
    assert never.abstained == (0, 0)  # it may, and did not
