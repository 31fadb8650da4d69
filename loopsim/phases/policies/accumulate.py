"""accumulate: the real pictures and all that were ever generated; and a uniform subsample of them, as large
as D_0.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

from loopsim.core.rng import numpy_generator
from loopsim.phases.policies.policy import Policy, Slots, Source, samples_of


def _union(slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
    return slots.real() + [source for k in range(1, slots.generation + 1) for source in samples_of(k, kept)]


@final
class Accumulate(Policy):
    """D_g = real ∪ S_1 … S_g."""

    name: ClassVar = "accumulate"

    def first_used(self, generation: int) -> int:
        return 1

    def dataset_size(self, num_slots: int, generation: int) -> int:
        return num_slots * (generation + 1)

    def select(self, slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
        return _union(slots, kept)


@final
class AccumulateSubsample(Policy):
    """As many of real ∪ S_1 … S_g as there are slots."""

    name: ClassVar = "accumulate_subsample"

    def first_used(self, generation: int) -> int:
        return 1

    def select(self, slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
        union = _union(slots, kept)
        rng = numpy_generator(slots.seed, "compose", "subsample", slots.generation)
        return [union[i] for i in sorted(rng.choice(len(union), slots.num, replace=False))]


ACCUMULATE, ACCUMULATE_SUBSAMPLE = Accumulate(), AccumulateSubsample()
