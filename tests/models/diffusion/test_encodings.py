"""Encodings that are computed once are those of each step."""

from pathlib import Path

import pytest
import torch

from loopsim.models.diffusion.encodings import Encodings
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels, loaded_diffusion


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_what_is_encoded_once_is_what_each_step_would_encode(
    tiny_models: TinyModels, family: str, tmp_path: Path
) -> None:
    model, images = loaded_diffusion(tiny_models[family]), corpora.pictures(6)
    steps = [[(0, "a man"), (3, "")], [(5, "a woman in red"), (0, "a man")]]
    kept = {
        cache: Encodings(model, lambda positions: images[list(positions)], steps, cache, tmp_path)
        for cache in ("all", "latents", "none")  # type: ignore[arg-type]
    }
    for step in steps:
        latents, conditions = kept["none"].of(step)
        for cache in ("all", "latents"):
            again, others = kept[cache].of(step)
            assert torch.allclose(again, latents, atol=1e-5)
            assert all(torch.allclose(others[name], conditions[name], atol=1e-5) for name in conditions)


def test_many_encodings_go_to_a_file(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loopsim.models.diffusion.encodings.IN_MEMORY_BYTES", 100)
    model, images = loaded_diffusion(tiny_models["sd"]), corpora.pictures(4)
    steps = [[(i, f"a man {i}") for i in range(4)]]
    with Encodings(model, lambda positions: images[list(positions)], steps, "all", tmp_path) as encodings:
        assert len(list(tmp_path.iterdir())) == 2
        assert torch.allclose(encodings.of(steps[0])[0], model.encode_images(images), atol=1e-5)
    del encodings
    assert list(tmp_path.iterdir()) == []
