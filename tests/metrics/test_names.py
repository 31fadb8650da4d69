"""Fractional counts of races."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.metrics.names import count_races
from tests.helpers.stories import TABLE


def test_a_name_speaks_for_every_race_that_has_it_and_unknown_names_are_dropped_and_counted() -> None:
    found = count_races({"JAMAL": 2, "TYRONE": 1, "ZORP": 4}, TABLE, 6)
    assert found.by_race[:2].tolist() == pytest.approx([2 * 0.15 + 0.33, 2 * 0.75 + 0.62])
    assert (found.matched, found.unmatched) == (3, 4)
    nobody = count_races({}, TABLE, 6)
    assert (nobody.by_race.tolist(), nobody.matched) == ([0] * 6, 0)


@given(st.dictionaries(st.sampled_from([*TABLE, "ZORP", "BLIP"]), st.integers(1, 50)))
def test_fractions_come_to_the_matched_characters(names: dict[str, int]) -> None:
    found = count_races(names, TABLE, 6)
    assert found.by_race.sum() == pytest.approx(found.matched)
    slow = np.zeros(6)
    for name, count in names.items():
        for _ in range(count if name in TABLE else 0):
            slow += TABLE[name]
    assert found.by_race == pytest.approx(slow)
    assert found.matched + found.unmatched == sum(names.values())
