"""What a pipeline draws with where nobody says otherwise: the defaults of its class in diffusers, and the
size that its denoiser was trained on.
"""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from loopsim.models.diffusion.family import Family, family_of
from loopsim.models.gate import read_json


@final
@dataclass(frozen=True)
class Customary:
    """Steps, guidance, and the side of pictures in pixels."""

    num_steps: int
    guidance: float
    image_size: int


def customary(folder: Path) -> Customary:
    """Return what the pipeline in a diffusers folder is customarily drawn with (50 steps and guidance 7.5 for
    Stable Diffusion 1.x and 2.x). Its configs are enough. Raises DataError if it is no pipeline of a family.
    """
    family = family_of(folder)
    said = inspect.signature(family.pipeline.__call__).parameters
    steps, guidance = said["num_inference_steps"].default, said["guidance_scale"].default
    return Customary(int(steps), float(guidance), _image_size(folder, family))


def _image_size(folder: Path, family: Family) -> int:
    """Return the size by the folder's configs; as the family is published where they do not say it."""
    denoiser: Any = read_json(folder / family.denoiser / "config.json")
    vae: Any = read_json(folder / "vae" / "config.json")
    try:
        return int(denoiser["sample_size"] * 2 ** (len(vae["block_out_channels"]) - 1))
    except (KeyError, TypeError, ValueError):
        return int(family.published.arguments["sample_size"] * 8)
