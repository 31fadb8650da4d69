"""Quota fills its strata as an independent, slow count says, and tells of what it cannot fill."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loopsim.interventions.base import Candidate
from loopsim.interventions.quota import Quota

POOLS = st.lists(
    st.tuples(st.sampled_from(["man", "woman"]), st.floats(-1, 1, allow_nan=False)), min_size=1, max_size=40
)


def pool_of(drawn: list[tuple[str, float]]) -> list[Candidate]:
    return [Candidate(i, i, i, "", score, {"gender": value}, True) for i, (value, score) in enumerate(drawn)]


def slow(pool: list[Candidate], quotas: dict[str, int], num: int) -> set[int]:
    """Take candidates one after the other, best first: once for the quotas, once for what is left."""
    best, chosen = sorted(pool, key=lambda c: (-c.score, c.index)), list[int]()
    for wanted in (True, False):
        for c in best:
            have = Counter(pool[i].labels["gender"] for i in chosen)
            open_ = have[c.labels["gender"]] < quotas.get(c.labels["gender"], 0) if wanted else True
            if c.index not in chosen and len(chosen) < num and open_:
                chosen.append(c.index)
    return set(chosen)


@given(POOLS, st.integers(0, 40), st.floats(0, 1))
def test_the_best_of_each_group_up_to_its_quota_then_the_best_of_the_rest(drawn, num, women) -> None:
    pool, num = pool_of(drawn), min(num, len(drawn))
    quota = Quota(target={"woman": women, "man": 1 - women})
    chosen = quota.select(pool, num, np.random.default_rng(0))
    assert len(chosen) == num
    assert set(chosen) == slow(pool, quota.quotas(pool, num), num)
    short = quota.told(pool, chosen)["unfilled"]
    have = Counter(pool[i].labels["gender"] for i in chosen)
    assert short == sum(max(0, n - have[value]) for value, n in quota.quotas(pool, num).items())


@given(st.integers(0, 200), st.floats(0, 1))
def test_quotas_sum_to_what_is_kept_and_are_near_their_shares(num, women) -> None:
    quotas = Quota(target={"woman": women, "man": 1 - women}).quotas([], num)
    assert sum(quotas.values()) == num
    assert abs(quotas["woman"] - num * women) < 1


CELLS = [(gender, tone) for gender in ("man", "woman") for tone in ("lighter", "darker")]


@given(st.lists(st.tuples(st.sampled_from(CELLS), st.floats(-1, 1)), min_size=4, max_size=40))
def test_intersections_have_quotas_of_their_own_and_what_nobody_fills_is_told_group_by_group(drawn) -> None:
    pool = [
        Candidate(i, i, i, "", score, {"gender": gender, "skin_tone": tone}, True)
        for i, ((gender, tone), score) in enumerate(drawn)
    ]
    quota = Quota(attribute=("gender", "skin_tone")).with_label_values(
        {"gender": ("man", "woman"), "skin_tone": ("lighter", "darker"), "age": ("old", "young")}
    )
    chosen = quota.select(pool, 4, np.random.default_rng(0))
    have = Counter(drawn[i][0] for i in chosen)
    there = {cell for cell, _ in drawn}
    # One of each cell that there is; the others' places are filled, and told.
    assert {cell for cell in CELLS if have[cell]} == there
    told = quota.told(pool, chosen)
    for gender, tone in CELLS:
        assert told[f"unfilled {gender} & {tone}"] == ((gender, tone) not in there)
    assert told["unfilled"] == 4 - len(there)


@given(POOLS, st.integers(1, 20), st.floats(0, 1))
def test_a_part_of_the_quota_is_asked_for_at_a_part_of_the_strength(drawn, num, strength) -> None:
    pool = pool_of(drawn)
    full, part = Quota(), Quota(strength=strength)
    asked = part.quotas(pool, num)
    assert asked == {group: int(strength * count) for group, count in full.quotas(pool, num).items()}
    assert part.acts() == (strength > 0)
    assert part.pool_size(num) == (2 * num if strength else num)


def test_what_already_has_the_shares_is_not_disturbed() -> None:
    pool = pool_of([("man", 0.9), ("woman", 0.8), ("man", 0.1), ("woman", 0.0)])
    assert Quota().select(pool, 2, np.random.default_rng(0)) == [0, 1]
    assert Quota().pool_size(10) == 20


def test_who_shows_nobody_fills_no_quota_and_goes_by_score_where_groups_are_short() -> None:
    pool = pool_of([("", 0.9), ("man", 0.8), ("woman", 0.1), ("man", 0.7), ("", 0.6)])
    assert Quota().select(pool, 2, np.random.default_rng(0)) == [1, 2]
    assert Quota().select(pool, 4, np.random.default_rng(0)) == [0, 1, 2, 3]  # one woman is missing
    assert Quota().quotas(pool, 4) == {"man": 2, "woman": 2}  # "" is no group
    assert Quota().told(pool, [0, 1, 2, 3]) == {"unfilled": 1, "unfilled man": 0, "unfilled woman": 1}
