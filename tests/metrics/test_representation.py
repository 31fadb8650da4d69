"""Shares of groups, corrected for the classifier's errors, and their distance from a target."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loopsim.metrics.confusion import Confusion
from loopsim.metrics.estimate import resampling_weights, wilson_interval
from loopsim.metrics.representation import kl_divergence, representation, total_variation
from tests.helpers.oracles import CLOSE, SEEDS


def test_representation_counts_and_its_gap_is_the_spread() -> None:
    labels = ["woman"] * 3 + ["man"] * 7
    found = representation(labels, ("man", "woman"), "gender", resampling_weights(10, 200, 0))
    assert found["gender=woman"].value == pytest.approx(0.3)
    assert (found["gender=woman"].low, found["gender=woman"].high) == wilson_interval(3, 10)
    assert found["gender gap"].value == pytest.approx(0.4)
    assert {one.n for _, one in found.items()} == {10}  # pictures, of which each group is a share
    assert (
        representation([], ("man", "woman"), "gender", np.zeros((1, 0)))["gender gap"].reason == "no pictures"
    )


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 4))
def test_distances_to_a_target(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k))
    assert kl_divergence(p, q) == pytest.approx(stats.entropy(p, q), **CLOSE)
    assert total_variation(p, q) == pytest.approx(
        max(sum(p[list(s)]) - sum(q[list(s)]) for r in range(k + 1) for s in combinations(range(k), r)),
        **CLOSE,
    )
    labels = ["a"] * 3 + ["b"]
    found = representation(labels, ("a", "b"), "x", resampling_weights(4, 10, 0), target={"a": 0.5, "b": 0.5})
    assert found["x tv"].value == pytest.approx(0.25)


def test_a_classifier_that_cannot_tell_groups_apart_corrects_nothing() -> None:
    """Whatever it saw, the corrected share of one group would be 1, with an interval of no width."""
    confusion = Confusion(((7, 12), (93, 88)))
    for women in (32, 55, 81):
        labels = ["woman"] * women + ["man"] * (100 - women)
        weights = resampling_weights(100, 50, 0)
        found = representation(labels, ("man", "woman"), "gender", weights, confusion)
        assert {one.value for _, one in found.items()} == {None}
        assert found["gender=woman"].reason == (
            "the classifier cannot tell these groups apart (worst row 0.07)"
        )
        assert found["gender gap"].is_bias
        raw = representation(labels, ("man", "woman"), "gender", weights)
        assert raw["gender=woman"].value == pytest.approx(women / 100)
