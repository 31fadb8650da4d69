"""Drawing pictures: every image with a seed of its own, and a generator that is ready to draw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from loopsim.models.diffusion.stable_diffusion import Diffusion

# Changes the noise [n, c, h, w] that pictures start from, float32 on the CPU.
ChangeNoise = Callable[[Tensor], Tensor]


def for_sampling(model: Diffusion) -> Diffusion:
    """Return the model ready for `sample`: denoiser and text encoders in the sampling arithmetic (bfloat16
    doubles the speed of a CPU with AMX).
    """
    for name in (model.family.denoiser, *model.family.text_encoders):
        part = getattr(model.pipeline, name)
        if part is not None:
            part.to(model.device.sample_dtype).eval()
    if model.device.compile:
        model.denoiser.compile()
    return model


@torch.inference_mode()
def sample(
    model: Diffusion,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    num_steps: int,
    guidance: float,
    size: int | None = None,
    negatives: Sequence[str] | None = None,
    noise: ChangeNoise | None = None,
) -> Tensor:
    """Return images uint8 [n, h, w, 3]: image i is a function of the weights, `prompts[i]`, `seeds[i]` and
    `negatives[i]`, not of its batch mates.

    `size` is the side in pixels, by default what the model was trained on. Noise is drawn on the CPU, so it
    is the same on every device; `noise` may change it before it goes there. A negative prompt is what
    guidance leads away from; "" is none, and with a guidance of at most 1 none is heeded.
    """
    size, denoiser = size or model.image_size, model.denoiser
    side = size // model.pipeline.vae_scale_factor
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    shape = (denoiser.config.in_channels, side, side)
    start = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    if noise is not None:
        start = noise(start)

    def draw(rows: list[int]) -> Tensor:
        unwanted = [negatives[i] for i in rows] if negatives else []
        latents: Tensor = model.pipeline(
            prompt=[prompts[i] for i in rows],
            negative_prompt=unwanted if any(unwanted) else None,
            latents=start[rows].to(device=model.device.name, dtype=denoiser.dtype),
            height=size,
            width=size,
            num_inference_steps=num_steps,
            guidance_scale=guidance,
            generator=[generators[i] for i in rows],  # for samplers that add noise on the way
            output_type="latent",
        ).images.float()
        return latents

    # An empty negative prompt is not to every family what none at all is, so those without one go apart.
    groups = _without_and_with(negatives or [""] * len(prompts))
    if len(groups) == 1:
        return model.decode_latents(draw(groups[0]))
    latents = torch.cat([draw(rows) for rows in groups])
    return model.decode_latents(latents[torch.tensor([i for rows in groups for i in rows]).argsort()])


def _without_and_with(negatives: Sequence[str]) -> list[list[int]]:
    """Return the rows that have no negative prompt and those that have one, as far as there are any."""
    parts = [[i for i, text in enumerate(negatives) if bool(text) is given] for given in (False, True)]
    return [rows for rows in parts if rows]


@final
@dataclass
class Sampler:
    """A Stable Diffusion with its steps, guidance and picture size. Mutable: interventions adapt it before it
    draws.
    """

    model: Diffusion
    num_steps: int
    guidance: float
    size: int

    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        negatives: Sequence[str] | None = None,
        guidance: float | None = None,
        noise: ChangeNoise | None = None,
    ) -> np.ndarray:
        """Return uint8 images [n, h, w, 3]; `guidance` None is the sampler's, `noise` changes the first
        latents.
        """
        images = sample(
            self.model,
            prompts,
            seeds,
            num_steps=self.num_steps,
            guidance=self.guidance if guidance is None else guidance,
            size=self.size,
            negatives=negatives,
            noise=noise,
        )
        return images.numpy()
