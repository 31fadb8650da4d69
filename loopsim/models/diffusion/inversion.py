"""Inversion: the noise that a picture was drawn from, as far as the denoiser can tell."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from loopsim.models.diffusion.sampler import Sampler


@torch.inference_mode()
def first_noises(
    sampler: Sampler, images: Tensor, num_steps: int, prompts: Sequence[str] | None = None
) -> Tensor:
    """Return the noises [n, c, h, w], float32 on the CPU, that uint8 images [n, h, w, 3] were drawn from, by
    DDIM's steps backwards (Song et al. 2021; for flow matching they are Euler's).

    Without `prompts` nothing is known of how a picture was asked for, and the denoiser is asked with none;
    with them, with the sampler's guidance.
    """
    model, levels = sampler.model, _Levels(sampler.model.pipeline.scheduler, num_steps)
    guided = prompts is not None and sampler.guidance > 1
    conditions = model.encode_prompts(list(prompts or [""] * len(images)) + [""] * (len(images) * guided))

    def predict(noisy: Tensor, timestep: float) -> Tensor:
        times = torch.full((len(noisy),), timestep, device=noisy.device)
        if not guided:
            return model.predict(noisy.to(model.denoiser.dtype), times, conditions).float()
        both = model.predict(
            torch.cat([noisy, noisy]).to(model.denoiser.dtype), torch.cat([times, times]), conditions
        )
        wanted, blank = both.float().chunk(2)
        return torch.lerp(blank, wanted, sampler.guidance)

    latents = model.encode_images(images)
    for number in range(num_steps):
        latents = levels.noisier(number, latents, predict(latents, levels.timesteps[number]))
    return latents.cpu()


@final
class _Levels:
    """How much noise there is in latents α z + σ ε, level by level, from none to nothing but noise."""

    def __init__(self, scheduler: Any, num_steps: int) -> None:
        config = scheduler.config
        shift = config.get("flow_shift") if config.get("use_flow_sigmas") else config.get("shift")
        self.kind = str(config.get("prediction_type", "flow_prediction"))
        if self.kind == "flow_prediction":
            even = np.linspace(0, 1, num_steps + 1)
            self.sigmas = (shift or 1.0) * even / (1 + ((shift or 1.0) - 1) * even)
            self.alphas, self.timesteps = 1 - self.sigmas, 1000 * self.sigmas
        else:
            times = np.linspace(0, config.num_train_timesteps - 1, num_steps + 1).round().astype(int)
            kept = scheduler.alphas_cumprod[torch.from_numpy(times)].double().numpy()
            self.alphas, self.sigmas, self.timesteps = kept**0.5, (1 - kept) ** 0.5, times

    def noisier(self, number: int, latents: Tensor, predicted: Tensor) -> Tensor:
        """Return latents of level `number` on the level after it, by what was predicted of them there."""
        alpha, sigma = float(self.alphas[number]), float(self.sigmas[number])
        match self.kind:
            case "flow_prediction":
                clean, noise = latents - sigma * predicted, latents + alpha * predicted
            case "v_prediction":
                clean, noise = alpha * latents - sigma * predicted, sigma * latents + alpha * predicted
            case _:
                clean, noise = (latents - sigma * predicted) / alpha, predicted
        return float(self.alphas[number + 1]) * clean + float(self.sigmas[number + 1]) * noise
