"""Quota: draw more than are needed, then keep so that groups have the shares that they should (STAR, Wyllie
et al. 2024).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from loopsim.config import Config
from loopsim.config.base import Share
from loopsim.core.events import Fact
from loopsim.interventions.base import Candidate, Intervention, Place
from loopsim.interventions.target import (
    REAL,
    Target,
    as_tuple,
    counts_to,
    group_of,
    groups_of,
    read_shares,
    real_shares_kept,
    require_known,
)
from loopsim.interventions.workshop import Prepared, Workshop


@final
class Quota(Intervention):
    """Keeps the best-scored candidates of each group up to its quota. Groups are those of `attribute`, or the
    intersections of several ("woman & darker"), as the pinned classifier sees them.

    `target`: "uniform" over all groups that the classifier can name, "real" (the shares that it sees in the
    real training pictures), or a table of shares that sum to 1. `overdraw` times as many candidates are drawn
    as are kept: the budget. Where a group has too few, the best of the others fill up, and `unfilled` counts
    them, group by group. `strength` is the share of each quota that is asked for; 0 leaves curation as it is.
    """

    name: ClassVar = "quota"
    version: ClassVar = 3
    places: ClassVar = frozenset({Place.SELECT})
    asks_labels: ClassVar = True

    attribute: str | Annotated[tuple[str, ...], Field(min_length=1)] = "gender"
    target: Target = "uniform"
    overdraw: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    strength: Share = 1.0

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        require_known(as_tuple(self.attribute), self.target, labels)

    def acts(self) -> bool:
        return self.strength > 0

    def prepares(self) -> bool:
        return self.acts() and self.target == REAL

    def prepare(self, workshop: Workshop) -> Prepared:
        return real_shares_kept(workshop, as_tuple(self.attribute))

    def pool_size(self, num: int) -> int:
        return math.ceil(num * self.overdraw) if self.acts() else num

    def shares(self, pool: Sequence[Candidate]) -> Mapping[str, float]:
        """Return the share that each group should have. Without a classifier's own list, "uniform" is over
        the groups that are seen in the pool.
        """
        if not isinstance(self.target, str):
            return self.target
        if self.target == REAL:
            return read_shares(self.prepared)
        attributes = as_tuple(self.attribute)
        seen = sorted({group_of(one.labels, attributes) for one in pool} - {""})
        return dict.fromkeys(groups_of(self.label_values, attributes) or seen, 1.0)

    def quotas(self, pool: Sequence[Candidate], num: int) -> dict[str, int]:
        """Return how many of each group are wanted of `num`."""
        wanted = counts_to(self.shares(pool), num)
        return {group: math.floor(self.strength * count) for group, count in wanted.items()}

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        best_first = sorted(range(len(pool)), key=lambda position: (-pool[position].score, position))
        left = self.quotas(pool, num)
        chosen = []
        for position in best_first:
            group = group_of(pool[position].labels, as_tuple(self.attribute))
            if left.get(group, 0) > 0:
                left[group] -= 1
                chosen.append(position)
        taken = set(chosen)
        others = [position for position in best_first if position not in taken]
        return sorted([*chosen, *others[: max(0, num - len(chosen))]])

    def told(self, pool: Sequence[Candidate], chosen: Sequence[int]) -> dict[str, Fact]:
        have = [group_of(pool[position].labels, as_tuple(self.attribute)) for position in chosen]
        wanted = self.quotas(pool, len(chosen))
        short = {group: max(0, count - have.count(group)) for group, count in wanted.items()}
        return {
            "unfilled": sum(short.values()),
            **{f"unfilled {group}": count for group, count in short.items()},
        }
