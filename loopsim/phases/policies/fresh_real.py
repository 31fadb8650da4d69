"""fresh_real: as substitute, but every generation sees new real pictures."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from loopsim.phases.policies.policy import Policy, Slots, Source, samples_of


@final
class FreshReal(Policy):
    """The real pictures of generation g are the corpus's draw g."""

    name: ClassVar = "fresh_real"
    uses_alpha: ClassVar = True

    def real_draw(self, generation: int) -> int:
        return generation

    def num_needed(self, slots: Slots) -> int:
        return slots.num_replaced

    def select(self, slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
        generated = samples_of(slots.generation, kept)[: slots.num_replaced]
        return generated + slots.real(slots.generation)[len(generated) :]


FRESH_REAL = FreshReal()
