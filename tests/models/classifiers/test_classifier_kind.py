"""Classifiers of every kind are opened in one way, and calibrated by whoever has a labelled set."""

from pathlib import Path

import pytest

from loopsim.config import ClassifierConfig, Config
from loopsim.core.device import CPU
from loopsim.core.errors import ConfigError
from loopsim.metrics.confusion import Confusion
from loopsim.models.classifiers import CLASSIFIERS, label_pictures, labels_of, open_classifier, with_confusion
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.clip import Clip, load_clip
from loopsim.runs.resolve import resolve
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels


def no_clip() -> Clip:
    raise AssertionError("this kind needs no CLIP")


def test_there_are_three_kinds() -> None:
    assert CLASSIFIERS.names == ["shipped", "checkpoint", "zero_shot"]


def test_the_shipped_one_brings_its_confusion(weights: Path) -> None:
    config = ClassifierConfig()
    classifier = open_classifier(config, weights, CPU, no_clip)
    assert set(classifier.confusion) == set(classifier.values)
    assert labels_of(config, weights) == classifier.values  # without opening it
    assert CLASSIFIERS.get("shipped").named_models(config) == {"classifier": "shipped"}


def test_zero_shot_asks_for_the_frozen_clip(tiny_models: TinyModels, weights: Path) -> None:
    config = ClassifierConfig(kind="zero_shot", attributes=("gender",))
    classifier = open_classifier(config, weights, CPU, lambda: load_clip(tiny_models["vit"]))
    assert classifier.values == labels_of(config, weights) == {"gender": ("man", "woman")}
    assert classifier.confusion == {}
    assert CLASSIFIERS.get("zero_shot").named_models(config) == {}


def test_checkpoints_are_opened_and_renamed(tiny_models: TinyModels, weights: Path) -> None:
    folder = str(tiny_models["gender"])
    renames = {"Male": "man", "Female": "woman"}
    config = ClassifierConfig(kind="checkpoint", checkpoints={"gender": folder}, renames=renames)
    classifier = open_classifier(config, weights, CPU, no_clip)
    assert classifier.values == labels_of(config, weights) == {"gender": ("man", "woman")}
    assert CLASSIFIERS.get("checkpoint").named_models(config) == {"classifier.gender": folder}
    with pytest.raises(ConfigError, match=r"needs classifier\.checkpoints"):
        CLASSIFIERS.get("checkpoint").check(ClassifierConfig(kind="checkpoint"))


def test_labels_have_known_synonyms_and_what_means_nobody_is_refused_before_anything_runs(
    tiny_models: TinyModels, weights: Path, tmp_path: Path
) -> None:
    folder = str(tiny_models["gender"])  # its labels are Male and Female
    plain = ClassifierConfig(kind="checkpoint", checkpoints={"gender": folder})
    assert labels_of(plain, weights) == {"gender": ("man", "woman")}
    assert open_classifier(plain, weights, CPU, no_clip).values == {"gender": ("man", "woman")}
    other = ClassifierConfig(kind="checkpoint", checkpoints={"skin_tone": folder})
    with pytest.raises(ConfigError, match="label 'Male' is no skin_tone that loopsim knows"):
        labels_of(other, weights)
    with pytest.raises(ConfigError, match="skin_tone"):
        resolve(Config(classifier=other), tmp_path)
    assert list(tmp_path.iterdir()) == []
    stated = ClassifierConfig(kind="checkpoint", checkpoints={"mood": folder})
    assert labels_of(stated, weights) == {"mood": ("Male", "Female")}  # nobody knows what it means
    same = plain.model_copy(update={"renames": {"Male": "woman"}})
    with pytest.raises(ConfigError, match="mean the same"):
        labels_of(same, weights)


def test_a_calibrated_classifier_is_the_same_one_with_matrices(
    tiny_models: TinyModels, weights: Path
) -> None:
    config = ClassifierConfig(kind="checkpoint", checkpoints={"gender": str(tiny_models["gender"])})
    classifier = open_classifier(config, weights, CPU, no_clip)
    matrices = {"gender": Confusion(((9, 2), (1, 8)))}
    calibrated = with_confusion(classifier, matrices)
    assert (calibrated.confusion, classifier.confusion) == (matrices, {})
    images = corpora.pictures(5)
    whole = label_pictures(calibrated, None, [images])
    assert whole == label_pictures(classifier, None, images.split(2))
    detector = load_detector(str(tiny_models["detector"]))
    assert label_pictures(calibrated, detector, [images]) == classifier.label(detector.crop(images))
