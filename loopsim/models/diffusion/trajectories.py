"""Trajectories: the latents that a drawing passes through, step by step.

Nothing of them is stored: they are drawn again from their seeds.
"""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from loopsim.models.diffusion.sampler import Sampler, first_noise


@torch.inference_mode()
def trajectories(
    sampler: Sampler, prompts: Sequence[str], seeds: Sequence[int], steps: Collection[int], batch_size: int
) -> dict[int, Tensor]:
    """Return what each of `steps` leaves: latents [n, c, h, w] on the CPU, in the arithmetic of drawing.

    Steps count from 0, as diffusers counts them: step 0 leaves what the denoiser made of the noise by its
    first call. Trajectory i is a function of the weights, `prompts[i]` and `seeds[i]`. Nothing after the last
    of the steps is computed; of steps that the sampler does not take there are none.
    """
    kept: dict[int, list[Tensor]] = {}

    def keep(pipeline: Any, step: int, _: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        if step in steps:
            kept.setdefault(step, []).append(tensors["latents"].cpu().clone())
        pipeline._interrupt = step >= max(steps)  # diffusers' own way to leave the steps that follow out
        return {}

    model = sampler.model
    for start in range(0, len(prompts), batch_size):
        batch = slice(start, start + batch_size)
        generators, noise = first_noise(model, seeds[batch], sampler.size)
        model.pipeline(
            prompt=list(prompts[batch]),
            latents=noise.to(device=model.device.name, dtype=model.denoiser.dtype),
            height=sampler.size,
            width=sampler.size,
            num_inference_steps=sampler.num_steps,
            guidance_scale=sampler.guidance,
            generator=generators,
            output_type="latent",
            callback_on_step_end=keep,
        )
    return {step: torch.cat(parts) for step, parts in sorted(kept.items())}
