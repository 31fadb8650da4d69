"""Drawing pictures: every image with a seed of its own, and a generator that is ready to draw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from loopsim.models.diffusion.adapters import attach_adapter, use_adapters
from loopsim.models.diffusion.stable_diffusion import Diffusion

# Changes the noise [n, c, h, w] that pictures start from, float32 on the CPU.
ChangeNoise = Callable[[Tensor], Tensor]
# The attached adapters that a picture is drawn with, by name, and their weights.
Adapters = Mapping[str, float]


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


def first_noise(model: Diffusion, seeds: Sequence[int], size: int) -> tuple[list[torch.Generator], Tensor]:
    """Return the noise [n, c, h, w] that pictures of `size` pixels start from, float32 on the CPU, and each
    one's generator as that leaves it.
    """
    side = size // model.pipeline.vae_scale_factor
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    shape = (model.denoiser.config.in_channels, side, side)
    return generators, torch.stack([torch.randn(shape, generator=generator) for generator in generators])


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
    adapters: Sequence[Adapters] | None = None,
) -> Tensor:
    """Return images uint8 [n, h, w, 3]: image i is a function of the weights, `prompts[i]`, `seeds[i]`,
    `negatives[i]` and `adapters[i]`, not of its batch mates.

    `size` is the side in pixels, by default what the model was trained on. Noise is drawn on the CPU, so it
    is the same on every device; `noise` may change it before it goes there. A negative prompt is what
    guidance leads away from; "" is none, and with a guidance of at most 1 none is heeded. None for `adapters`
    leaves those as they are that a model has.
    """
    size, denoiser = size or model.image_size, model.denoiser
    generators, start = first_noise(model, seeds, size)
    if noise is not None:
        start = noise(start)

    def draw(rows: list[int]) -> Tensor:
        unwanted = [negatives[i] for i in rows] if negatives else []
        if adapters is not None:
            use_adapters(model, adapters[rows[0]])
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

    groups = _together(len(prompts), negatives, adapters)
    if len(groups) == 1:
        return model.decode_latents(draw(groups[0]))
    latents = torch.cat([draw(rows) for rows in groups])
    return model.decode_latents(latents[torch.tensor([i for rows in groups for i in rows]).argsort()])


def _together(
    num: int, negatives: Sequence[str] | None, adapters: Sequence[Adapters] | None
) -> list[list[int]]:
    """Return the rows that one call of the pipeline draws: those with the same adapters. An empty negative
    prompt is not to every family what none at all is, so those without one go apart.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for i in range(num):
        has_negative = bool(negatives and negatives[i])
        with_adapters = tuple(adapters[i].items()) if adapters is not None else ()
        groups.setdefault((has_negative, with_adapters), []).append(i)
    return list(groups.values())


@final
@dataclass(frozen=True)
class Routed:
    """Adapters in folders, of which a picture is drawn with one, or with none: `route` says which, by its
    prompt and its seed.
    """

    folders: Mapping[str, Path]
    route: Callable[[str, int], str | None]
    weight: float = 1.0


@final
@dataclass
class Sampler:
    """A Stable Diffusion with its steps, guidance and picture size, and adapters that it draws some pictures
    with. Mutable: interventions adapt it before it draws; then `attach` is called once.
    """

    model: Diffusion
    num_steps: int
    guidance: float
    size: int
    routed: list[Routed] = field(default_factory=list)

    def attach(self) -> None:
        """Load the routed adapters beside the weights. What is merged into weights must be by now: merging
        takes all that is loaded. Raises DataError for a folder that holds more than weights and configs.
        """
        for number, routed in enumerate(self.routed):
            for name, folder in routed.folders.items():
                attach_adapter(self.model, _attached(number, name), folder)

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
            adapters=[*map(self._adapters, prompts, seeds)] if self.routed else None,
        )
        return images.numpy()

    def _adapters(self, prompt: str, seed: int) -> Adapters:
        chosen = [(number, one.route(prompt, seed), one.weight) for number, one in enumerate(self.routed)]
        return {_attached(number, name): weight for number, name, weight in chosen if name is not None}


def _attached(number: int, name: str) -> str:
    """Return the name of an attached adapter: peft allows no dot in it."""
    return f"{number} {name}".replace(".", "_")
