"""Shares of groups, corrected for the classifier's errors, and their distance from a target."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loopsim.metrics.estimate import resampling_weights, wilson_interval
from loopsim.metrics.representation import corrected_shares, kl_divergence, representation, total_variation
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
