"""Targets: counts by the largest remainders, groups of intersections, and what is refused."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from loopsim.core.errors import ConfigError
from loopsim.interventions.target import Target, counts_to, group_of, groups_of, require_known, shares_in

LABELS = {"gender": ("man", "woman"), "skin_tone": ("lighter", "darker")}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1), st.integers(0, 300))
def test_counts_are_nearest_to_the_shares(weights: dict[str, int], num: int) -> None:
    counts, total = counts_to(weights, num), sum(weights.values())
    if total == 0:
        assert counts == {}
        return
    assert sum(counts.values()) == num
    # Independently: exact fractions; nobody is off by one or more, and none was rounded up before a larger
    # remainder.
    rest = {g: Fraction(num * w, total) - (num * w // total) for g, w in weights.items()}
    up = {g: counts[g] - num * w // total for g, w in weights.items()}
    assert set(up.values()) <= {0, 1}
    least_up = min((rest[g] for g in up if up[g]), default=Fraction(1))
    assert all(rest[g] <= least_up + Fraction(1, 10**9) for g in up if not up[g])


@given(st.lists(st.fixed_dictionaries({}, optional={a: st.sampled_from(v) for a, v in LABELS.items()})))
def test_shares_are_of_the_pictures_whose_group_is_known(labels: list[dict[str, str]]) -> None:
    attributes = ("gender", "skin_tone")
    known = Counter(f"{one['gender']} & {one['skin_tone']}" for one in labels if len(one) == 2)
    found = shares_in(labels, attributes)
    assert found == pytest.approx({group: count / known.total() for group, count in known.items()})
    assert {group_of(one, attributes) for one in labels} - {""} <= set(groups_of(LABELS, attributes))


@pytest.mark.parametrize("shares", [{"a": 0.5, "b": 0.5 + 9e-7}, {"a": 1}, {"b": 0.25, "a": 0.75}])
def test_shares_that_sum_to_one_are_taken(shares: dict[str, float]) -> None:
    assert TypeAdapter(Target).validate_python(shares) == shares


@pytest.mark.parametrize(
    "shares",
    [{}, {"a": 0.5, "b": 0.5 + 2e-6}, {"a": float("nan")}, {"a": True}, {"a": "1"}, 0.5, "fair", None],
)
def test_others_are_not(shares: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Target).validate_python(shares)


@pytest.mark.parametrize(
    ("attributes", "target", "words"),
    [
        (["race"], "uniform", "'race': the classifier does not know it; it knows gender, skin_tone"),
        (
            ["gender"],
            {"women": 1.0},
            "'women': no group of gender that the classifier knows; it knows man, woman",
        ),
        (["gender", "skin_tone"], {"woman": 1.0}, "no group of gender & skin_tone"),
    ],
)
def test_what_the_classifier_does_not_know_is_told(attributes, target, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_known(attributes, target, LABELS)
    assert words in str(caught.value)
    require_known(["gender", "skin_tone"], {"man & darker": 1.0}, LABELS)
