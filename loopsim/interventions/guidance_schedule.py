"""Guidance schedule: how strongly the generator follows its prompts, a value for each generation.

Guidance is a lever of collapse (as in ReDiFine): strong guidance makes typical pictures, and a loop learns
them.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from loopsim.interventions.base import Intervention, Place
from loopsim.interventions.workshop import Pictures

if TYPE_CHECKING:
    from loopsim.models.diffusion.sampler import Sampler

Guidance = Annotated[float, Field(ge=1)]


@final
class GuidanceSchedule(Intervention):
    """`values[g - 1]` guides the drawing of S_g; the last value is repeated."""

    name: ClassVar = "guidance_schedule"
    places: ClassVar = frozenset({Place.WEIGHTS})

    values: Annotated[tuple[Guidance, ...], Field(min_length=1)]

    def at(self, generation: int) -> "GuidanceSchedule":
        return self.model_copy(
            update={"values": (self.values[min(max(generation, 1), len(self.values)) - 1],)}
        )

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        sampler.guidance = self.values[0]
