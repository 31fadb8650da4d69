"""Drawing with two denoisers: what one predicts, led away from what another one does."""

import copy
from pathlib import Path
from typing import Any

import torch

from loopsim.models.diffusion.adapters import merge_adapter
from loopsim.models.diffusion.stable_diffusion import Diffusion


def lead_away(model: Diffusion, folder: Path, weight: float) -> None:
    """Have the denoiser predict (1 + weight) p - weight q: p is its own prediction, q that of a copy into
    which the adapters of a folder are merged.

    Each call of the denoiser becomes two, on the same noisy latents, times and conditions. The copy costs the
    memory of one more denoiser; with adapters that are switched on and off instead, a small model's steps
    take a fifth longer. It is no part of the model: what is loaded or merged later changes p alone.
    Raises DataError for a folder that holds more than weights and configs.
    """
    own = model.denoiser
    kept = copy.deepcopy(own)
    merge_adapter(model, folder)  # into `own`
    setattr(model.pipeline, model.family.denoiser, kept)
    if model.device.compile:
        own.compile()

    def led(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], predicted: Any) -> Any:
        if own.dtype != module.dtype:  # made ready for sampling meanwhile
            own.to(module.dtype)
        other = own(*args, **kwargs)[0]
        sample = torch.lerp(other.float(), predicted[0].float(), 1 + weight).to(other.dtype)
        return (sample,) if isinstance(predicted, tuple) else type(predicted)(sample=sample)

    kept.register_forward_hook(led, with_kwargs=True)
