"""replace: only what the last generator drew."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from loopsim.phases.policies.policy import Policy, Slots, Source, samples_of


@final
class Replace(Policy):
    """D_g = S_g."""

    name: ClassVar = "replace"

    def select(self, slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
        return samples_of(slots.generation, kept)


REPLACE = Replace()
