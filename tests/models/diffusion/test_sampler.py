"""What a picture is drawn from besides prompt and seed: a negative prompt, a guidance, a changed noise."""

from collections.abc import Sequence

import pytest
import torch

from loopsim.models.diffusion.sampler import Sampler, sample
from loopsim.models.diffusion.stable_diffusion import Diffusion
from tests.helpers.checkpoints import TinyModels, loaded_diffusion

PROMPTS, SEEDS = ["a man", "a woman in red", "a cook"], [1, 2, 3]


@pytest.fixture(scope="module", params=["sd", "sdxl", "sd3"])
def model(request: pytest.FixtureRequest, tiny_models: TinyModels) -> Diffusion:
    return loaded_diffusion(tiny_models[request.param])


def draw(model: Diffusion, rows: Sequence[int] = (0, 1, 2), guidance: float = 5.0, **more) -> torch.Tensor:
    prompts, seeds = [PROMPTS[i] for i in rows], [SEEDS[i] for i in rows]
    return sample(model, prompts, seeds, num_steps=2, guidance=guidance, size=32, **more)


def distance(a: torch.Tensor, b: torch.Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


def test_what_is_empty_or_changes_nothing_draws_the_same_bits(model: Diffusion) -> None:
    plain = draw(model)
    assert torch.equal(draw(model, negatives=["", "", ""]), plain)
    assert torch.equal(draw(model, negatives=[]), plain)
    assert torch.equal(draw(model, noise=lambda noise: noise), plain)


def test_a_negative_prompt_changes_its_own_picture_alone(model: Diffusion) -> None:
    plain = draw(model)
    mixed = draw(model, negatives=["", "people with dark skin", ""])
    assert torch.equal(mixed[0], draw(model, [0, 2])[0])  # as if it had never shared a batch with the second
    assert distance(mixed[[0, 2]], plain[[0, 2]]) <= 1  # another batch size may round otherwise
    assert distance(mixed[1], plain[1]) > 1
    assert distance(mixed[1], draw(model, [1], negatives=["people with dark skin"])[0]) <= 1


def test_without_guidance_a_negative_prompt_is_not_heeded(model: Diffusion) -> None:
    unguided = draw(model, guidance=1.0)
    assert distance(draw(model, guidance=1.0, negatives=["a man", "a man", "a man"]), unguided) == 0
    assert distance(draw(model, guidance=5.0), unguided) > 1


def test_changed_noise_is_what_a_picture_starts_from(model: Diffusion) -> None:
    seen: list[torch.Tensor] = []

    def swap(noise: torch.Tensor) -> torch.Tensor:
        seen.append(noise)
        return noise.flip(0)

    prompts = ["a man"] * 2
    swapped = sample(model, prompts, [1, 2], num_steps=2, guidance=2, size=32, noise=swap)
    plain = sample(model, prompts, [1, 2], num_steps=2, guidance=2, size=32)
    channels = model.denoiser.config.in_channels
    assert [(tuple(noise.shape), noise.dtype, noise.device.type) for noise in seen] == [
        ((2, channels, 16, 16), torch.float32, "cpu")
    ]
    assert torch.equal(seen[0][1], torch.randn(channels, 16, 16, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(swapped, plain.flip(0))


def test_a_sampler_draws_with_its_own_settings_unless_told_otherwise(model: Diffusion) -> None:
    sampler = Sampler(model, num_steps=2, guidance=5.0, size=32)
    assert (sampler.draw(PROMPTS, SEEDS) == draw(model).numpy()).all()
    assert (sampler.draw(PROMPTS, SEEDS, guidance=1.0) == draw(model, guidance=1.0).numpy()).all()
