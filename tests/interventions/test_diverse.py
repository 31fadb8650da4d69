"""Diverse fine-tuning: each group as often as any other, nothing twice before all are there."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loopsim.interventions.diverse import Diverse, balanced


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=40), st.integers(1, 60), st.integers(0, 5))
def test_groups_are_balanced(groups: list[str], num: int, seed: int) -> None:
    chosen = balanced(groups, num, np.random.default_rng(seed))
    known = set(groups) - {""}
    assert len(chosen) == (num if known else 0)
    counts = Counter(groups[position] for position in chosen)
    assert set(counts) <= known
    if known:
        assert max(counts.values()) - min(counts.get(group, 0) for group in known) <= 1
    times = Counter(chosen)
    for group in known:
        own = [times[position] for position, one in enumerate(groups) if one == group]
        assert max(own) - min(own) <= 1


def test_who_shows_nobody_is_of_no_group_and_makes_none_that_is_missing() -> None:
    labels = [{"gender": "man"}, {"gender": ""}, {"gender": "woman"}, {"gender": ""}]
    workshop = SimpleNamespace(
        seed=(0, 1),
        real=lambda: Real(range(4)),
        labels=lambda pictures: labels,
        adapter=lambda name, pictures, steps: SimpleNamespace(save=None),
    )
    found = Diverse(attributes=("gender",), num_pictures=2).prepare(workshop)  # type: ignore[arg-type]
    assert found.facts["missing"] == 0
    assert (found.facts["real man"], found.facts["real woman"]) == (1, 1)


class Real(list[int]):
    """As many real pictures as numbers."""

    def select(self, positions: list[int]) -> "Real":
        return Real(self[i] for i in positions)
