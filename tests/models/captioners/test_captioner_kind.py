"""Captioners of every kind are built, saved and found again in one way."""

from pathlib import Path

import pytest
import torch

from loopsim.config import CaptionerConfig, ClipConfig
from loopsim.core.device import CPU
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.captioners import CAPTIONERS, base_captioner, load_captioner
from loopsim.models.captioners.decoding import Decoding
from loopsim.models.clip import Clip, base_clip
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels

KINDS = {
    "shipped": {"kind": "clipcap"},
    "clipcap": {"kind": "clipcap", "model": "@gpt2", "prefix_length": 3, "max_tokens": 8},
    "transformer": {
        "kind": "transformer",
        "start": "scratch",
        "model": "@gpt2",
        "width": 32,
        "num_layers": 1,
    },
    "blip": {"kind": "hub", "model": "@blip"},
    "git": {"kind": "hub", "model": "@git"},
    "vision-encoder-decoder": {"kind": "hub", "model": "@ved"},
}


@pytest.fixture(scope="module")
def clip(tiny_models: TinyModels, weights: Path) -> Clip:
    return base_clip(ClipConfig(model=str(tiny_models["vit"])), weights, CPU)


def config_of(name: str, tiny_models: TinyModels) -> CaptionerConfig:
    given = KINDS[name]
    model = str(given.get("model", "shipped"))
    return CaptionerConfig.model_validate(
        given | {"model": str(tiny_models[model[1:]]) if model.startswith("@") else model}
    )


def test_there_are_three_kinds() -> None:
    assert CAPTIONERS.names == ["clipcap", "hub", "transformer"]
    assert [kind.is_shipped for kind in CAPTIONERS.own.values()] == [True, False, False]


@pytest.mark.parametrize("name", KINDS)
def test_a_saved_captioner_writes_what_it_wrote(
    name: str, clip: Clip, tiny_models: TinyModels, weights: Path, tmp_path: Path
) -> None:
    config = config_of(name, tiny_models)
    torch.manual_seed(0)
    captioner = base_captioner(config, weights, clip)
    images = corpora.pictures(3)
    (tmp_path / "saved").mkdir()
    captioner.save(tmp_path / "saved")
    again = load_captioner(tmp_path / "saved", CPU)
    assert type(again) is type(captioner)
    read = clip.encode_images(images) if captioner.reads_features else captioner.pixels(images)
    how = Decoding(max_tokens=4)
    assert again.write(read, [1, 2, 3], how) == captioner.write(read, [1, 2, 3], how)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_cost(name: str, tiny_models: TinyModels, weights: Path) -> None:
    config = config_of(name, tiny_models)
    cost = CAPTIONERS.get(config.kind).cost(config, weights / "captioner")
    assert cost.forward > 0
    assert cost.num_weights > 0


def test_random_weights_are_drawn_anew(clip: Clip, weights: Path) -> None:
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        captioner = base_captioner(CaptionerConfig(), weights, clip, random=True)
        found.append(torch.nn.utils.parameters_to_vector(captioner.module.parameters()))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_what_a_kind_needs_is_checked_by_itself() -> None:
    with pytest.raises(ConfigError, match=r"needs captioner\.model"):
        CAPTIONERS.get("hub").check(CaptionerConfig(kind="hub"))
    with pytest.raises(ConfigError, match="has no base weights"):
        CAPTIONERS.get("transformer").check(CaptionerConfig(kind="transformer"))
    CAPTIONERS.get("clipcap").check(CaptionerConfig())


def test_a_folder_without_a_captioner_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no captioner in it that loopsim saved"):
        load_captioner(tmp_path, CPU)
