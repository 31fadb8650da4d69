"""Classifiers of every kind are opened in one way, and calibrated by whoever has a labelled set."""

from pathlib import Path

import pytest
import torch

from loopsim.config import ClassifierConfig, Config, config_from_tree
from loopsim.core.device import CPU
from loopsim.core.errors import ConfigError
from loopsim.metrics.confusion import Confusion
from loopsim.models.classifiers import (
    CLASSIFIERS,
    abstaining,
    label_pictures,
    labels_of,
    open_classifier,
    with_confusion,
)
from loopsim.models.classifiers.people_detector import load_detector
from loopsim.models.classifiers.zero_shot import NOBODY
from loopsim.models.clip import Clip, load_clip
from loopsim.runs.resolve import agrees, checked, resolve
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


def test_labels_that_mean_nobody_are_abstentions_however_many_there_are(
    tiny_models: TinyModels, weights: Path
) -> None:
    folder = str(tiny_models["unsure"])  # Male, Unknown, Female, other
    config = ClassifierConfig(kind="checkpoint", checkpoints={"gender": folder})
    found = open_classifier(config, weights, CPU, no_clip)
    assert found.values == labels_of(config, weights) == {"gender": ("man", "woman")}
    assert found.abstains == {"gender"}
    model, processor = found.models["gender"]
    images = corpora.pictures(12)
    logits = model(processor(images=list(images.numpy()), return_tensors="pt").pixel_values).logits
    words = ["man", "", "woman", ""]
    assert found.label(images) == [{"gender": words[i]} for i in logits.argmax(-1).tolist()]
    for bias in range(4):  # each of its labels in turn
        model.classifier.bias.data = 100.0 * (torch.arange(4) == bias)
        assert found.label(images[:1]) == [{"gender": words[bias]}]


def test_a_label_may_be_renamed_to_nobody_and_one_group_must_be_left(
    tiny_models: TinyModels, weights: Path
) -> None:
    plain = ClassifierConfig(kind="checkpoint", checkpoints={"mood": str(tiny_models["gender"])})
    renamed = plain.model_copy(update={"renames": {"Male": ""}})
    assert labels_of(renamed, weights) == {"mood": ("Female",)}
    nobody = plain.model_copy(update={"renames": {"Male": "", "Female": "none"}})
    with pytest.raises(ConfigError, match="none of its labels"):
        labels_of(nobody, weights)
    other = ClassifierConfig(kind="checkpoint", checkpoints={"race": str(tiny_models["gender"])})
    with pytest.raises(ConfigError, match='"Male" = "black" }, or "" for nobody'):
        labels_of(other, weights)


def test_where_a_detector_finds_no_person_there_is_no_label(tiny_models: TinyModels, weights: Path) -> None:
    config = ClassifierConfig(kind="checkpoint", checkpoints={"gender": str(tiny_models["gender"])})
    classifier, images = open_classifier(config, weights, CPU, no_clip), corpora.pictures(6)
    whole, strict = (load_detector(str(tiny_models["detector"]), abstains=on) for on in (False, True))
    strict.model.class_labels_classifier.layers[-1].bias.data[0] = 0.4  # some pictures reach the threshold
    found = strict.find(images)[1]
    certain = classifier.label(strict.crop(images))
    assert label_pictures(classifier, strict, [images[:2], images[2:]]) == [
        one if there else {"gender": ""} for one, there in zip(certain, found, strict=True)
    ]
    assert label_pictures(classifier, whole, [images]) == classifier.label(whole.crop(images))
    assert (abstaining(classifier, strict), abstaining(classifier, whole)) == ({"gender"}, frozenset())


def test_what_a_section_leaves_open_is_decided_when_a_run_is_made(tiny: Config, tmp_path: Path) -> None:
    never = checked(tiny)
    asked = never.model_copy(update={"classifier": never.classifier.model_copy(update={"nobody": None})})
    made = resolve(asked, tmp_path)
    assert (made.classifier.nobody, made.classifier.undetected) == (NOBODY, None)
    assert agrees(asked, made)
    before = made.model_copy(update={"classifier": asked.classifier})  # as a run of before says it
    assert agrees(asked, before)
    assert resolve(never, tmp_path).classifier.nobody == ()
    assert not agrees(never, made)
    detecting = ClassifierConfig(kind="checkpoint", detector="somewhere")
    assert CLASSIFIERS.get("checkpoint").resolve(detecting).undetected == "nobody"
    whole = detecting.model_copy(update={"undetected": "whole"})
    assert CLASSIFIERS.get("checkpoint").resolve(whole) == whole


def test_a_classifier_that_never_abstains_says_nothing_of_it_in_a_runs_config() -> None:
    """So that runs keep the digests that they had before there was a choice."""
    shipped = ClassifierConfig()
    assert CLASSIFIERS.get("shipped").resolve(shipped).model_dump(mode="json").keys() == {
        "kind", "prompts", "attributes", "checkpoints", "renames", "calibration", "detector",
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"classifier: undetected says .* name one"):
        config_from_tree({"classifier": {"undetected": "whole"}}, "own.toml")
