"""Quota: draw more than are needed, then keep so that groups have the shares that they should (STAR, Wyllie
et al. 2024).
"""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field, model_validator

from loopsim.config.base import Weight
from loopsim.core.events import Fact
from loopsim.interventions.base import Candidate, Intervention, Place


@final
class Quota(Intervention):
    """Keeps the best-scored candidates of each group up to its quota: `target` maps an attribute's values, as
    the pinned classifier names them, to their weights (default: those values that it sees, uniformly).

    `overdraw` times as many candidates are drawn as are kept. Where a group has too few, the best of the
    others fill up, and `unfilled` counts them.
    """

    name: ClassVar = "quota"
    version: ClassVar = 2
    places: ClassVar = frozenset({Place.SELECT})
    asks_labels: ClassVar = True

    attribute: str = "gender"
    target: dict[str, Weight] = {}
    overdraw: Annotated[float, Field(ge=1)] = 2.0

    @model_validator(mode="after")
    def _something_is_wanted(self) -> "Quota":
        if self.target and sum(self.target.values()) <= 0:
            raise ValueError("target needs at least one positive weight")
        return self

    def pool_size(self, num: int) -> int:
        return math.ceil(num * self.overdraw)

    def quotas(self, pool: Sequence[Candidate], num: int) -> dict[str, int]:
        """Return how many of each value are wanted: `num` in all, the largest remainders rounded up."""
        seen = sorted(
            {candidate.labels[self.attribute] for candidate in pool if self.attribute in candidate.labels}
        )
        target = self.target or dict.fromkeys(seen, 1.0)
        total = sum(target.values())
        exact = {value: num * weight / total for value, weight in target.items()} if total else {}
        counts = {value: math.floor(share) for value, share in exact.items()}
        by_remainder = sorted(exact, key=lambda value: (counts[value] - exact[value], value))
        for value in by_remainder[: num - sum(counts.values())]:
            counts[value] += 1
        return counts

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        best_first = sorted(range(len(pool)), key=lambda position: (-pool[position].score, position))
        left = self.quotas(pool, num)
        chosen = []
        for position in best_first:
            value = pool[position].labels.get(self.attribute, "")
            if left.get(value, 0) > 0:
                left[value] -= 1
                chosen.append(position)
        taken = set(chosen)
        others = [position for position in best_first if position not in taken]
        return sorted([*chosen, *others[: max(0, num - len(chosen))]])

    def told(self, pool: Sequence[Candidate], chosen: Sequence[int]) -> dict[str, Fact]:
        wanted = self.quotas(pool, len(chosen))
        have = [pool[position].labels.get(self.attribute, "") for position in chosen]
        return {"unfilled": sum(max(0, count - have.count(value)) for value, count in wanted.items())}
