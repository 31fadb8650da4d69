"""SIMS: the combination of two predictions, in every family and for every kind of prediction."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loopsim.config import GeneratorConfig
from loopsim.interventions.sims import Sims
from loopsim.models.diffusion.adapters import merge_adapter
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.sampler import Sampler, for_sampling
from loopsim.models.diffusion.stable_diffusion import Diffusion
from tests.helpers.adapters import random_adapter
from tests.helpers.checkpoints import TinyModels, loaded_diffusion


def opened(kind: str, tiny_models: TinyModels, weights: Path) -> Diffusion:
    if kind == "pocket":
        return load_diffusion(GeneratorConfig(), weights / "generator")
    return loaded_diffusion(tiny_models[kind])


@torch.no_grad()
def predicted(model: Diffusion) -> torch.Tensor:
    config = model.denoiser.config
    shape = (2, config.in_channels, config.sample_size, config.sample_size)
    noisy = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    conditions = model.encode_prompts(["a photo of a cook", ""])
    return model.predict(noisy, torch.tensor([500, 100]), conditions)


@pytest.mark.parametrize("kind", ["pocket", "sd", "sd-v", "sdxl", "sd3"])
def test_what_is_predicted_is_led_away_from_what_the_copy_does(
    kind: str, tiny_models: TinyModels, weights: Path, tmp_path: Path
) -> None:
    folder = random_adapter(opened(kind, tiny_models, weights), tmp_path / "own")
    real, own = (opened(kind, tiny_models, weights) for _ in range(2))
    merge_adapter(own, folder)
    wanted = 1.6 * predicted(real) - 0.6 * predicted(own)
    model = opened(kind, tiny_models, weights)
    sampler = Sampler(model, 2, 2.0, model.image_size)
    Sims(w=0.6).with_prepared(folder).adapt(sampler, None)
    torch.testing.assert_close(predicted(model), wanted, rtol=1e-4, atol=1e-4)
    # A pipeline with guidance draws with it, and what the model's own weights are is not touched.
    for one, other in zip(model.denoiser.parameters(), real.denoiser.parameters(), strict=True):
        assert torch.equal(one, other)
    for_sampling(model)
    for_sampling(real)
    drawn = sampler.draw(["a photo of a cook"] * 2, [1, 2])
    assert (drawn != Sampler(real, 2, 2.0, model.image_size).draw(["a photo of a cook"] * 2, [1, 2])).any()
    assert (
        drawn[1:] == sampler.draw(["a photo of a cook"], [2])
    ).mean() > 0.99  # whoever its batch mates are


@pytest.mark.parametrize("kind", ["sd", "sd3"])
def test_guidance_may_come_before_or_after(kind: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    """A whole drawing equals a slow one: each model guided by the prompt on its own, then combined, step by
    step, through the pipeline's scheduler.
    """
    folder = random_adapter(loaded_diffusion(tiny_models[kind]), tmp_path / "own")
    real, own, led = (loaded_diffusion(tiny_models[kind]) for _ in range(3))
    merge_adapter(own, folder)
    Sims(w=0.5).with_prepared(folder).adapt(Sampler(led, 2, 3.0, 32), None)

    def conditioned(model: Diffusion, latents: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        without, with_ = model.predict(
            torch.cat([latents] * 2), t.expand(2), model.encode_prompts(["", "a nurse"])
        ).chunk(2)
        return without + 3.0 * (with_ - without)

    scheduler = real.pipeline.scheduler
    scheduler.set_timesteps(3)
    config = real.denoiser.config
    start = torch.randn(
        (1, config.in_channels, config.sample_size, config.sample_size),
        generator=torch.Generator().manual_seed(2),
    )
    latents = start * getattr(scheduler, "init_noise_sigma", 1.0)
    with torch.no_grad():
        for t in scheduler.timesteps:
            model_input = scheduler.scale_model_input(latents, t) if kind == "sd" else latents
            both = 1.5 * conditioned(real, model_input, t) - 0.5 * conditioned(own, model_input, t)
            latents = scheduler.step(both, t, latents).prev_sample
        found = led.pipeline(
            prompt=["a nurse"], negative_prompt=[""], latents=start, num_inference_steps=3,
            guidance_scale=3.0, output_type="latent", height=32, width=32,
        ).images  # fmt: skip
    torch.testing.assert_close(found, latents, rtol=1e-3, atol=1e-3)


@given(
    st.floats(0, 3),
    st.floats(0.05, 0.95),
    st.sampled_from(["epsilon", "velocity", "flow"]),
    st.integers(0, 99),
)
def test_a_combination_of_predictions_is_one_of_scores(w: float, t: float, kind: str, seed: int) -> None:
    """The score of x = α x₀ + σ ε at time t is -ε / σ; each kind of prediction is written as ε."""
    x, one, other = torch.randn((3, 5), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    alpha, sigma = ((1 - t), t) if kind == "flow" else ((1 - t**2) ** 0.5, t)

    def score(prediction: torch.Tensor) -> torch.Tensor:
        noise = {
            "epsilon": prediction,
            "velocity": sigma * x + alpha * prediction,  # v = α ε - σ x₀
            "flow": x + (1 - t) * prediction,  # u = ε - x₀
        }[kind]
        return -noise / sigma

    combined = score((1 + w) * one - w * other)
    torch.testing.assert_close(combined, (1 + w) * score(one) - w * score(other))


def test_strength_zero_learns_nothing() -> None:
    assert not Sims(w=0.0).prepares()
    assert not Sims(w=0.0).acts()
