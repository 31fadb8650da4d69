"""Models of the hub: from a cache in its own layout, at the commit that it has, through the same gate."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from loopsim.config import Config, GeneratorConfig
from loopsim.core.device import CPU
from loopsim.core.errors import DataError
from loopsim.models.base_weights import fingerprint_of_parts, pinned_name
from loopsim.models.captioners.image_to_text import load_image_to_text
from loopsim.models.clip import open_clip_model
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.hub import cached_commit, model_folder
from tests.helpers.checkpoints import TinyModels
from tests.helpers.hub import FIRST, fetched

SECOND = "2" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache, empty, on a machine without a network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_models_in_the_cache_are_opened(cache: Path, tiny_models: TinyModels) -> None:
    for name in ("vit", "sd", "blip"):
        fetched(cache, f"owner/{name}", tiny_models[name])
    assert open_clip_model("hf-hub:owner/vit", None).feature_size == 32
    assert load_image_to_text("owner/blip", 5).family == "blip"
    assert (
        load_diffusion(GeneratorConfig(checkpoint="owner/sd", family="sd"), Path("none"), CPU).folder is None
    )
    with pytest.raises(DataError, match=r"is a checkpoint of family sd, the config says .*'sdxl'"):
        load_diffusion(GeneratorConfig(checkpoint="owner/sd", family="sdxl"), Path("none"), CPU)


@pytest.mark.hostile
def test_they_pass_the_same_gate(cache: Path, tiny_models: TinyModels, tmp_path: Path) -> None:
    shutil.copytree(tiny_models["blip"], tmp_path / "evil")
    (tmp_path / "evil/modeling.py").write_text("")
    fetched(cache, "owner/evil", tmp_path / "evil")
    with pytest.raises(DataError, match=r"modeling\.py: not a kind of file"):
        load_image_to_text("owner/evil", 5)


def test_what_is_neither_folder_nor_fetched_is_told_of(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"owner/none: no such folder, and the hub's owner/none cannot be fetched"
    ):
        model_folder("owner/none")
    for name in (str(tmp_path / "missing"), "../missing", "a/b/c", "own model"):
        with pytest.raises(DataError, match="no such folder, and no hub id"):
            model_folder(name)
    (tmp_path / "one.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="name the folder"):
        model_folder(str(tmp_path / "one.safetensors"))


def test_the_commit_enters_the_fingerprint(cache: Path, tiny_models: TinyModels, weights: Path) -> None:
    config = Config.model_validate({"captioner": {"kind": "hub", "model": "owner/blip"}})
    clip = Config.model_validate({"clip": {"model": "hf-hub:owner/blip"}})
    unknown = [fingerprint_of_parts(each, weights) for each in (config, clip)]
    assert pinned_name("owner/blip") == "owner/blip"
    seen = [unknown]
    for commit in (FIRST, SECOND):
        fetched(cache, "owner/blip", tiny_models["blip"], commit)
        assert pinned_name("hf-hub:owner/blip") == f"hf-hub:owner/blip@{commit}"
        seen.append([fingerprint_of_parts(each, weights) for each in (config, clip)])
    assert len({one for pair in seen for one in pair}) == 6


def test_a_reference_that_is_no_commit_pins_nothing(cache: Path, tiny_models: TinyModels) -> None:
    snapshot = fetched(cache, "owner/gpt2", tiny_models["gpt2"])
    assert cached_commit("owner/gpt2") == FIRST
    (snapshot.parents[1] / "refs/main").write_text("../../elsewhere")
    assert cached_commit("owner/gpt2") is None
    assert cached_commit("ViT-B-32") is None


@pytest.mark.parametrize("meant", ["my-sd", "./my-sd"])
def test_a_mistyped_folder_is_told_of_with_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meant: str
) -> None:
    (tmp_path / "my-sd").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no such folder \(did you mean my-sd\?\)"):
        model_folder(meant.replace("sd", "sdd"))
