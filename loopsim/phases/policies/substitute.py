"""substitute: for a share α of the caption slots a generated picture, for the others the real one (Chen et
al. 2024).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from loopsim.phases.policies.policy import Policy, Slots, Source, samples_of


@final
class Substitute(Policy):
    """Position j of D_g is slot `order[j]`: generated first, real after."""

    name: ClassVar = "substitute"
    uses_alpha: ClassVar = True

    def num_needed(self, slots: Slots) -> int:
        return slots.num_replaced

    def select(self, slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
        generated = samples_of(slots.generation, kept)[: slots.num_replaced]
        return generated + slots.real()[len(generated) :]


SUBSTITUTE = Substitute()
