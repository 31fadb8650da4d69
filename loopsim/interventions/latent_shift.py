"""What interventions share that move first noises along one direction: z_T <- z_T + ω d with ‖d‖ = 1.

The projection of N(0, I) noise on d is N(0, 1), so ω counts in standard deviations along d (Lopez Olmos et
al. 2024, arXiv 2406.06352).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from loopsim.config.base import Share
from loopsim.core.rng import Part, numpy_generator
from loopsim.interventions.base import Draw, Intervention, Place

if TYPE_CHECKING:
    from torch import Tensor

Unit = Literal["sd", "norm"]


class LatentShift(Intervention, ABC):
    """Adds ω d to the noise of a share `positive` of the pictures that it moves, -ω d to the others'.

    `unit`: ω in standard deviations along d, or as a share of the noise's expected length √(c·h·w). The side
    is a function of the draw's seed. `rescale` brings what was moved back to the expected length.
    """

    places: ClassVar = frozenset({Place.NOISE})

    omega: Annotated[float, Field(allow_inf_nan=False)]
    unit: Unit = "sd"
    positive: Share = 1.0
    rescale: bool = False

    @abstractmethod
    def unit_direction(self, shape: Sequence[int]) -> "Tensor":
        """Return d, float32 of `shape` [c, h, w], of length 1. Raises ConfigError if there is none of that
        shape.
        """

    def moves(self, draw: Draw) -> bool:
        """Return whether a picture is moved, to whichever side."""
        return True

    @property
    def stream(self) -> tuple[Part, ...]:
        """What names its random choices: two that act together choose apart."""
        return (self.name,)

    def acts(self) -> bool:
        return self.omega != 0

    def _side(self, draw: Draw) -> float:
        if not self.moves(draw):
            return 0.0
        return 1.0 if numpy_generator(draw.seed, *self.stream).random() < self.positive else -1.0

    def noise(self, latents: "Tensor", draws: Sequence[Draw]) -> "Tensor":
        import torch

        if not self.acts():
            return latents
        direction = self.unit_direction(latents.shape[1:])
        expected = direction.numel() ** 0.5
        length = self.omega * (expected if self.unit == "norm" else 1.0)
        sides = torch.tensor([self._side(draw) for draw in draws])[:, None, None, None]
        moved: Tensor = latents + length * sides * direction
        if not self.rescale:
            return moved
        found = moved.flatten(1).norm(dim=1)[:, None, None, None]
        return torch.where(sides == 0, latents, moved * (expected / found))
