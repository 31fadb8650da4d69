"""A checkpoint's family: read from its folder, stated for what does not say it, and never guessed."""

import shutil
import socket
from pathlib import Path

import diffusers.utils.constants as diffusers_constants
import pytest
import torch
from huggingface_hub import constants

from loopsim.config import GeneratorConfig
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.diffusion.family import FAMILIES
from loopsim.models.diffusion.loading import resolve_family
from tests.helpers.checkpoints import TinyModels, loaded_diffusion
from tests.helpers.single_file import single_file


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_a_folder_says_what_it_is(family: str, tiny_models: TinyModels) -> None:
    for stated in ("auto", family):
        config = GeneratorConfig(checkpoint=str(tiny_models[family]), family=stated)
        assert resolve_family(config, Path("none")) == family


def test_the_shipped_model_is_of_the_first_family(weights: Path) -> None:
    assert resolve_family(GeneratorConfig(), weights / "generator") == "sd"
    with pytest.raises(DataError, match=r"family sd, the config says generator\.family = 'sd3'"):
        resolve_family(GeneratorConfig(family="sd3"), weights / "generator")


def test_what_does_not_say_it_must_be_stated(tmp_path: Path) -> None:
    single = tmp_path / "one.safetensors"
    with pytest.raises(DataError, match="no such checkpoint"):
        resolve_family(GeneratorConfig(checkpoint=str(single), family="sd"), Path("none"))
    single.write_bytes(b"")
    for checkpoint in (str(single), "owner/name"):
        with pytest.raises(ConfigError, match=r"generator\.family: .*set it to sd, sd3 or sdxl"):
            resolve_family(GeneratorConfig(checkpoint=checkpoint), Path("none"))
        stated = GeneratorConfig(checkpoint=checkpoint, family="sdxl", config="owner/configs")
        assert resolve_family(stated, Path("none")) == "sdxl"
        with pytest.raises(ConfigError, match="'sdlx': not known; did you mean 'sdxl'"):
            resolve_family(GeneratorConfig(checkpoint=checkpoint, family="sdlx"), Path("none"))


@pytest.mark.parametrize("content", ["no JSON", "[]", "\xff"])
def test_an_index_that_cannot_be_read_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"model_index\.json.* no JSON"):
        resolve_family(GeneratorConfig(checkpoint=str(tmp_path)), Path("none"))


@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3"])
def test_blank_conditions_have_the_shape_of_real_ones(name: str, tiny_models: TinyModels) -> None:
    model, family = loaded_diffusion(tiny_models[name]), FAMILIES.get(name)
    blank, real = family.blank_conditions(model.denoiser), model.encode_prompts(["a man"])
    assert {key: (tensor.ndim, tensor.shape[-1]) for key, tensor in blank.items()} == {
        key: (tensor.ndim, tensor.shape[-1]) for key, tensor in real.items()
    }
    noisy = torch.zeros(1, model.denoiser.config.in_channels, 16, 16)
    assert family.predict(model.pipeline, noisy, torch.zeros(1), blank).shape == noisy.shape


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that a library looks for while the network may be used; it finds none."""
    hosts: list[str] = []

    def look_up(host: object, *_: object, **__: object) -> list[object]:
        hosts.append(str(host))
        raise socket.gaierror("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for module in (constants, diffusers_constants):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False, raising=False)
    return hosts


@pytest.mark.hostile
@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3"])
def test_no_configs_of_a_single_file_are_fetched_by_a_guess(
    name: str, tiny_models: TinyModels, tmp_path: Path, asked_for: list[str]
) -> None:
    path = single_file(tiny_models["sd"], tmp_path / "one.safetensors")
    with pytest.raises(ConfigError, match=rf"generator\.config: .*one\.safetensors .*family {name} .*hub id"):
        loaded_diffusion(path, family=name)
    assert asked_for == []


@pytest.mark.hostile
@pytest.mark.parametrize("part", ["tokenizer", "unet", "text_encoder", "vae", "scheduler"])
def test_what_a_single_files_configs_lack_is_not_fetched(
    part: str, tiny_models: TinyModels, tmp_path: Path, asked_for: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = single_file(tiny_models["sd"], tmp_path / "one.safetensors")
    shutil.copytree(tiny_models["sd"], "configs", ignore=shutil.ignore_patterns("*.safetensors"))
    loaded_diffusion(path, family="sd", config="configs")
    shutil.rmtree(f"configs/{part}")
    with pytest.raises(DataError, match=r"cannot be loaded as sd with the configs in configs: "):
        loaded_diffusion(path, family="sd", config="configs")
    assert asked_for == []


def test_a_single_files_configs_are_of_its_family(tiny_models: TinyModels, tmp_path: Path) -> None:
    path = single_file(tiny_models["sd"], tmp_path / "one.safetensors")
    with pytest.raises(DataError, match=r"family sdxl, the config says generator\.family = 'sd'"):
        loaded_diffusion(path, family="sd", config=str(tiny_models["sdxl"]))
