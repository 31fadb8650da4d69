"""Shares of groups, corrected for the classifier's errors, and their distance from a target."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loopsim.metrics.estimate import resampling_weights, wilson_interval
from loopsim.metrics.representation import (
    MOST_AMPLIFIED,
    cannot_tell_apart,
    corrected_shares,
    kl_divergence,
    representation,
    total_variation,
)
from tests.helpers.oracles import CLOSE, SEEDS


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_correction_undoes_the_classifiers_errors(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    confusion = 0.8 * np.eye(k) + 0.2 * rng.dirichlet(np.ones(k), size=k).T
    true = rng.dirichlet(np.ones(k))
    assert corrected_shares(confusion @ true, confusion) == pytest.approx(true, abs=1e-6)


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_corrected_shares_stay_on_the_simplex(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    shares = corrected_shares(rng.dirichlet(np.ones(k), size=7), rng.dirichlet(np.ones(k), size=k).T)
    assert (shares >= 0).all()
    assert shares.sum(-1) == pytest.approx(1)


def test_representation_counts_and_its_gap_is_the_spread() -> None:
    labels = ["woman"] * 3 + ["man"] * 7
    found = representation(labels, ("man", "woman"), "gender", resampling_weights(10, 200, 0))
    assert found["gender=woman"].value == pytest.approx(0.3)
    assert (found["gender=woman"].low, found["gender=woman"].high) == wilson_interval(3, 10)
    assert found["gender gap"].value == pytest.approx(0.4)
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
    confusion = np.array([[0.07, 0.12], [0.93, 0.88]])
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


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_what_can_be_corrected_is_not_blown_up(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    confusion = rng.dirichlet(np.full(k, 0.3), size=k).T
    if cannot_tell_apart(confusion) is None:
        observed, error = rng.dirichlet(np.ones(k)), rng.normal(0, 1e-3, k)
        moved = np.abs(corrected_shares(observed + error, confusion) - corrected_shares(observed, confusion))
        assert moved.sum() <= 2 * MOST_AMPLIFIED * np.abs(error).sum() + 1e-9
    assert cannot_tell_apart(np.eye(k)) is None
    assert cannot_tell_apart(np.full((k, k), 1 / k)) is not None
