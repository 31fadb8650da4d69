"""The models that a config names: known kinds, one list, one hash, and all of them opened before a run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from loopsim.config import Config
from loopsim.core.device import CPU
from loopsim.core.errors import ConfigError, DataError, LoopsimError
from loopsim.models.base_weights import (
    check_models,
    fingerprint_of_parts,
    named_parts,
    seed_weights,
    weights_folder,
)
from loopsim.models.open_all import require_models
from tests.helpers.checkpoints import TinyModels


def config_of(**sections: dict) -> Config:
    return Config.model_validate(sections)


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"captioner": {"kind": "clipcaps"}}, r"captioner\.kind = 'clipcaps': .* 'clipcap'"),
        ({"classifier": {"kind": "zero-shot"}}, r"classifier\.kind = 'zero-shot': .* 'zero_shot'"),
        ({"generator": {"family": "sd4"}}, r"generator\.family = 'sd4': not known; did you mean 'sd"),
        ({"captioner": {"kind": "hub"}}, r"needs captioner\.model"),
        ({"captioner": {"kind": "transformer"}}, "no base weights"),
        ({"classifier": {"kind": "checkpoint"}}, r"needs classifier\.checkpoints"),
    ],
)
def test_kinds_that_are_not_known_or_lack_something_are_refused(sections: dict, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        check_models(config_of(**sections))


def test_kinds_that_are_known_pass() -> None:
    check_models(Config())
    for family in ("auto", "sd", "sdxl", "sd3"):
        check_models(config_of(generator={"family": family}))


def test_a_config_is_read_without_any_library_of_models() -> None:
    heavy = "torch", "diffusers", "transformers", "open_clip"
    code = f"import sys, loopsim.config; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_model_is_named_once(tiny_models: TinyModels) -> None:
    assert named_parts(Config()) == dict.fromkeys(
        ("generator", "clip", "captioner", "encoder", "classifier"), "shipped"
    )
    folder = str(tiny_models["gender"])
    found = named_parts(config_of(classifier={"kind": "checkpoint", "checkpoints": {"gender": folder}}))
    assert found["classifier.gender"] == folder
    assert "classifier" not in found


def test_other_models_have_another_fingerprint(tiny_models: TinyModels, weights: Path) -> None:
    shipped = fingerprint_of_parts(Config(), weights)
    own = config_of(generator={"checkpoint": str(tiny_models["sd"])})
    assert fingerprint_of_parts(Config(), weights) == shipped
    assert fingerprint_of_parts(own, weights) != shipped


def test_only_models_are_in_the_fingerprint_not_the_page_or_the_configs_beside_them(
    weights: Path, tmp_path: Path
) -> None:
    """Else a comment in an example config would end every run of the shipped models."""
    for name in ("captioner", "classifier", "clip", "generator", "configs"):
        shutil.copytree(weights / name, tmp_path / name)
    assert fingerprint_of_parts(Config(), tmp_path) == fingerprint_of_parts(Config(), weights)
    (tmp_path / "configs" / "pocket.toml").write_text("# another comment")
    assert fingerprint_of_parts(Config(), tmp_path) == fingerprint_of_parts(Config(), weights)
    (tmp_path / "clip" / "open_clip_config.json").write_text("{}")
    assert fingerprint_of_parts(Config(), tmp_path) != fingerprint_of_parts(Config(), weights)


def test_shipped_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make them with `loopsim pretrain"):
        weights_folder(Config(base_weights=str(tmp_path)))


def every_part(tiny_models: TinyModels) -> dict[str, dict]:
    """Sections in which every model is one of the user's own."""
    return {
        "device": {"name": "cpu"},
        "generator": {"checkpoint": str(tiny_models["sd"])},
        "clip": {"model": str(tiny_models["vit"])},
        "captioner": {"kind": "hub", "model": str(tiny_models["blip"])},
        "encoder": {"model": str(tiny_models["vit"])},
        "classifier": {
            "kind": "checkpoint",
            "checkpoints": {"gender": str(tiny_models["gender"])},
            "detector": str(tiny_models["detector"]),
        },
    }


def test_all_models_are_opened(tiny_models: TinyModels, weights: Path) -> None:
    require_models(Config(), weights, CPU)
    require_models(config_of(**every_part(tiny_models)), weights, CPU)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("generator", "checkpoint"),
        ("clip", "model"),
        ("captioner", "model"),
        ("encoder", "model"),
        ("classifier", "detector"),
    ],
)
def test_one_that_is_missing_is_told_of(
    section: str, key: str, tiny_models: TinyModels, weights: Path, tmp_path: Path
) -> None:
    sections, missing = every_part(tiny_models), str(tmp_path / "missing")
    sections[section] = sections[section] | {key: missing}
    with pytest.raises(LoopsimError, match="missing"):
        require_models(config_of(**sections), weights, CPU)


def test_an_oracle_needs_no_generator(weights: Path, tmp_path: Path) -> None:
    missing = {"checkpoint": str(tmp_path / "missing")}
    require_models(config_of(generator=missing, generate={"generator": "oracle"}), weights, CPU)


def test_new_weights_follow_their_name() -> None:
    seed_weights(1, 2, "train_clip")
    first = torch.randn(3)
    seed_weights(1, 2, "train_clip")
    assert torch.equal(torch.randn(3), first)
    seed_weights(1, 3, "train_clip")
    assert not torch.equal(torch.randn(3), first)
