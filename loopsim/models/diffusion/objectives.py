"""What a denoiser learns: noise (ε), velocity (v) or flow, as its own scheduler says."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_density_for_timestep_sampling, compute_snr
from torch import Tensor

Denoise = Callable[
    [Tensor, Tensor], Tensor
]  # noisy latents [n, c, h, w], timesteps [n] in 0 … 1000 -> prediction [n, c, h, w]


class Objective(ABC):
    """A training loss of latents."""

    @abstractmethod
    def loss(self, denoise: Denoise, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean loss of scaled latents [n, c, h, w]; noise and timesteps come from `generator`, a
        CPU one on every device.
        """


@final
@dataclass(frozen=True)
class FlowMatching(Objective):
    """Rectified flow: mean ‖f(x_t, t) - (ε - x_0)‖², x_t = (1 - t) x_0 + t ε, t = sigmoid(N(mean, std²)),
    then shifted as the sampler shifts it.

    Source: Esser et al. 2024 (arXiv 2403.03206), logit-normal timesteps; theirs are (0, 1) with shift 3. The
    pocket model's are (0.5, 1.4) without: (0, 1) hardly ever draws t > 0.8, where a picture's composition is
    decided, and with it whom a neutral prompt shows.
    """

    mean: float = 0.5
    std: float = 1.4
    shift: float = 1.0

    def loss(self, denoise: Denoise, latents: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(latents.shape, generator=generator).to(latents.device)
        t = compute_density_for_timestep_sampling(
            "logit_normal", len(latents), logit_mean=self.mean, logit_std=self.std, generator=generator
        )
        t = (self.shift * t / (1 + (self.shift - 1) * t)).to(latents.device)
        mixed = torch.lerp(latents, noise, t[:, None, None, None])
        return (denoise(mixed, t * 1000).float() - (noise - latents)).square().mean()


@final
@dataclass(frozen=True)
class Denoising(Objective):
    """DDPM's loss in ε or v (Ho et al. 2020; Salimans & Ho 2022), or with Min-SNR weights min(SNR, γ)/SNR; v:
    over SNR + 1 (Hang et al. 2023).
    """

    scheduler: DDPMScheduler
    snr_gamma: float | None = None

    def loss(self, denoise: Denoise, latents: Tensor, generator: torch.Generator) -> Tensor:
        scheduler: Any = self.scheduler
        noise = torch.randn(latents.shape, generator=generator).to(latents.device)
        timesteps = torch.randint(
            scheduler.config.num_train_timesteps, (len(latents),), generator=generator
        ).to(latents.device)
        is_velocity = scheduler.config.prediction_type == "v_prediction"
        target = scheduler.get_velocity(latents, noise, timesteps) if is_velocity else noise
        errors = (
            (denoise(scheduler.add_noise(latents, noise, timesteps), timesteps).float() - target.float())
            .square()
            .flatten(1)
            .mean(1)
        )
        if self.snr_gamma is not None:
            snr = compute_snr(scheduler, timesteps)
            errors = errors * snr.clamp(max=self.snr_gamma) / (snr + 1 if is_velocity else snr)
        return errors.mean()


def objective_of(scheduler: Any, *, mean: float, std: float, snr_gamma: float | None) -> Objective:
    """Return the objective that a pipeline's scheduler implies; `mean` and `std` are flow matching's,
    `snr_gamma` the others'.
    """
    config = scheduler.config
    if type(scheduler).__name__.startswith("FlowMatch"):
        return FlowMatching(mean, std, float(config.get("shift", 1.0)))
    if config.get("prediction_type") == "flow_prediction":
        return FlowMatching(mean, std)
    # Every scheduler of these families trains on the same process; the sampler's own class cannot add noise
    # at given timesteps in all cases.
    names = (
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "prediction_type",
        "rescale_betas_zero_snr",
    )
    return Denoising(DDPMScheduler(**{name: config[name] for name in names if name in config}), snr_gamma)
