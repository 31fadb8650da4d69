"""Latent offset: every picture's first noise is moved along one direction.

The control of latent directions (Lopez Olmos et al. 2024): a random unit direction of the same length, or a
direction that was fitted elsewhere. z_T <- z_T + ω d with ‖d‖ = 1; the projection of N(0, I) noise on d is
N(0, 1), so ω counts in standard deviations along d.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from loopsim.config.base import Share
from loopsim.core.errors import ConfigError
from loopsim.core.hashing import hash_file
from loopsim.core.rng import numpy_generator, torch_generator
from loopsim.interventions.base import Draw, Intervention, Place

if TYPE_CHECKING:
    from torch import Tensor


@final
class LatentOffset(Intervention):
    """Adds ω d to the noise of a share `positive` of the pictures, -ω d to the others'.

    `direction` is a safetensors file with one tensor "direction" of the latents' shape [c, h, w], scaled to
    length 1; without it d is a random unit direction of `direction_seed`. `unit`: ω in standard deviations
    along d, or as a share of the noise's expected length √(c·h·w). The side is a function of the draw's seed.
    """

    name: ClassVar = "latent_offset"
    places: ClassVar = frozenset({Place.NOISE})

    omega: float
    unit: Literal["sd", "norm"] = "sd"
    positive: Share = 1.0
    direction: str | None = None
    direction_seed: int = 0

    def content(self) -> Any:
        settings = self.model_dump(mode="json", exclude={"direction"})
        return settings | {"direction": None if self.direction is None else hash_file(self._file()).hex()}

    def _file(self) -> Path:
        assert self.direction is not None, "asked for only where a file is named"
        path = Path(self.direction)
        if not path.is_file():
            raise ConfigError(f"interventions.direction = {self.direction!r}: no such file")
        return path

    def unit_direction(self, shape: Sequence[int]) -> "Tensor":
        """Return d, float32 of `shape`, of length 1. Raises ConfigError for a file of another shape or
        kind.
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if self.direction is None:
            found = torch.randn(tuple(shape), generator=torch_generator("latent_offset", self.direction_seed))
            unit: Tensor = found / found.norm()
            return unit
        try:
            tensor = load_file(self._file()).get("direction")
        except (SafetensorError, OSError) as error:
            raise ConfigError(
                f"interventions.direction = {self.direction!r}: not a safetensors file ({error})"
            ) from error
        if tensor is None or tuple(tensor.shape) != tuple(shape) or not float(tensor.float().norm()) > 0:
            found_shape = None if tensor is None else tuple(tensor.shape)
            raise ConfigError(
                f"interventions.direction = {self.direction!r}: needs a tensor 'direction' of shape "
                f"{tuple(shape)}, not "
                f"all zero; it has {found_shape}"
            )
        scaled: Tensor = tensor.float() / tensor.float().norm()
        return scaled

    def noise(self, latents: "Tensor", draws: Sequence[Draw]) -> "Tensor":
        import torch

        direction = self.unit_direction(latents.shape[1:])
        length = self.omega * (direction.numel() ** 0.5 if self.unit == "norm" else 1.0)
        sides = [
            1.0 if numpy_generator(draw.seed, self.name).random() < self.positive else -1.0 for draw in draws
        ]
        moved: Tensor = latents + length * torch.tensor(sides)[:, None, None, None] * direction
        return moved
