"""What denoisers learn: targets, weights, paths."""

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.models.diffusion.objectives import Denoising, FlowMatching, objective_of
from tests.helpers.checkpoints import TinyModels, loaded_diffusion


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_perfect_denoiser_has_no_loss_and_knows_its_target(prediction: str) -> None:
    scheduler = DDPMScheduler(
        prediction_type=prediction, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012
    )
    latents = torch.randn(6, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    alphas = scheduler.alphas_cumprod

    def perfect(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a = alphas[t][:, None, None, None]
        noise = (noisy - a.sqrt() * latents) / (1 - a).sqrt()
        return noise if prediction == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * latents

    for gamma in (None, 5.0):
        assert Denoising(scheduler, gamma).loss(perfect, latents, torch.Generator().manual_seed(2)) < 1e-6
    zero = Denoising(scheduler).loss(
        lambda noisy, t: torch.zeros_like(noisy), latents, torch.Generator().manual_seed(2)
    )
    assert zero == pytest.approx(1, abs=0.3)  # both targets have unit variance


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_min_snr_weights_are_the_papers(prediction: str) -> None:
    scheduler = DDPMScheduler(prediction_type=prediction)
    seen: list[torch.Tensor] = []

    def wrong(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append(t)
        return torch.zeros_like(noisy)

    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    plain = Denoising(scheduler).loss(wrong, latents, torch.Generator().manual_seed(7))
    weighted = Denoising(scheduler, 5.0).loss(wrong, latents, torch.Generator().manual_seed(7))
    snr = (scheduler.alphas_cumprod / (1 - scheduler.alphas_cumprod))[seen[0]].item()
    expected = min(snr, 5.0) / (snr if prediction == "epsilon" else snr + 1)
    assert (weighted / plain).item() == pytest.approx(expected, rel=1e-4)


@settings(max_examples=20)
@given(shift=st.floats(0.5, 6), seed=st.integers(0, 2**31))
def test_flow_matching_is_a_straight_line_from_the_latents_to_noise(shift: float, seed: int) -> None:
    latents = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(seed))
    times: list[torch.Tensor] = []

    def perfect(noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        times.append(t)
        return (noisy - latents) / (t / 1000)[:, None, None, None]  # x_t - x_0 = t (ε - x_0)

    assert FlowMatching(0.0, 1.0, shift).loss(perfect, latents, torch.Generator().manual_seed(seed)) < 1e-5
    assert ((times[0] > 0) & (times[0] < 1000)).all()


def test_each_family_learns_what_its_scheduler_says(tiny_models: TinyModels) -> None:
    found = {
        name: objective_of(
            loaded_diffusion(tiny_models[name]).pipeline.scheduler, mean=0.1, std=1.2, snr_gamma=5.0
        )
        for name in ("sd", "sdxl", "sd3")
    }
    assert found["sd3"] == FlowMatching(0.1, 1.2, 3.0)
    assert isinstance(found["sd"], Denoising)
    assert found["sd"].scheduler.config.beta_end == 0.012
    assert found["sd"].scheduler.config.prediction_type == "epsilon"
    assert isinstance(found["sdxl"], Denoising)
