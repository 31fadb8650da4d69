"""Inversion: exact where the denoiser is, and good enough to read a mark from the pocket model's pictures."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from loopsim.config import GeneratorConfig
from loopsim.core.errors import DataError
from loopsim.models.diffusion.inversion import _Levels, first_noises
from loopsim.models.diffusion.loading import load_diffusion, num_latents
from loopsim.models.diffusion.sampler import Sampler, for_sampling
from loopsim.models.diffusion.shading import Shading
from tests.helpers.checkpoints import TinyModels, loaded_diffusion

SCHEDULERS = {
    "flow": lambda: FlowMatchEulerDiscreteScheduler(shift=3.0),
    "epsilon": lambda: DDIMScheduler(),
    "v": lambda: DDIMScheduler(prediction_type="v_prediction"),
}


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_who_predicts_exactly_is_inverted_exactly(kind: str) -> None:
    levels = _Levels(SCHEDULERS[kind](), 7)
    clean, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    latents = float(levels.alphas[0]) * clean + float(levels.sigmas[0]) * noise
    for number in range(7):
        alpha, sigma = float(levels.alphas[number]), float(levels.sigmas[number])
        predicted = {"flow": noise - clean, "epsilon": noise, "v": alpha * noise - sigma * clean}[kind]
        latents = levels.noisier(number, latents, predicted)
        after = float(levels.alphas[number + 1]) * clean + float(levels.sigmas[number + 1]) * noise
        torch.testing.assert_close(latents, after, rtol=1e-4, atol=1e-4)
    assert levels.sigmas[-1] == pytest.approx(1, abs=0.01)
    assert levels.timesteps[-1] in (1000, 999)
    assert list(levels.sigmas) == sorted(levels.sigmas)


def test_the_pocket_models_marks_are_read(weights: Path) -> None:
    model = for_sampling(load_diffusion(GeneratorConfig(), weights / "generator"))
    sampler, shading = Sampler(model, 10, 2.0, 64), Shading("key", 1, 128, 256)
    prompts, seeds = ["a photo of a nurse", "a photo of a male judge in a park"] * 4, list(range(8))

    def mark(noise: torch.Tensor) -> torch.Tensor:
        return torch.stack([shading.mark(row, seed) for row, seed in zip(noise, seeds, strict=True)])

    pictures = torch.from_numpy(sampler.draw(prompts, seeds, noise=mark))
    for asked in (None, prompts):
        assert shading.read(first_noises(sampler, pictures, 10, asked)).mean() / 128 > 0.97
    unmarked = torch.from_numpy(sampler.draw(prompts, seeds))
    assert (shading.read(first_noises(sampler, unmarked, 10)) < 97).all()  # 1e-6


@pytest.mark.parametrize("kind", ["sd", "sd-v", "sdxl", "sd3"])
def test_every_family_is_inverted(kind: str, tiny_models: TinyModels) -> None:
    model = for_sampling(loaded_diffusion(tiny_models[kind]))
    sampler = Sampler(model, 2, 2.0, model.image_size)
    images = torch.from_numpy(sampler.draw(["a photo of a cook"] * 2, [1, 2]))
    for prompts in (None, ["a photo of a cook"] * 2):
        found = first_noises(sampler, images, 2, prompts)
        assert found.dtype == torch.float32
        assert torch.isfinite(found).all()
        assert found[0].numel() == num_latents(
            GeneratorConfig(checkpoint=str(tiny_models[kind])), Path("none"), model.image_size
        )


def test_how_many_latents_an_unseen_model_has() -> None:
    for family, expected in (("sd", 4 * 64**2), ("sdxl", 4 * 64**2), ("sd3", 16 * 64**2)):
        config = GeneratorConfig(checkpoint="owner/name", family=family)
        assert num_latents(config, Path("none"), 512) == expected


@pytest.mark.parametrize("content", ["{}", "[]", '{"block_out_channels": 3, "latent_channels": 4}', None])
def test_a_model_that_does_not_say_it_is_named(
    content: str | None, tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_models["sd"], tmp_path / "model"))
    place = folder / "vae" / "config.json"
    place.unlink()
    if content is not None:
        place.write_text(content)
    with pytest.raises(DataError, match=r"vae/config\.json"):
        num_latents(GeneratorConfig(checkpoint=str(folder)), Path("none"), 64)


def test_a_scheduler_of_the_pocket_kind_has_its_shift() -> None:
    config = {"use_flow_sigmas": True, "flow_shift": 2.0, "prediction_type": "flow_prediction"}
    levels = _Levels(SimpleNamespace(config=config), 2)
    assert list(levels.sigmas) == pytest.approx([0, 2 / 3, 1])
