"""Values by group with their intervals, and what cannot be said."""

import numpy as np
import pytest
from hypothesis import given, settings

from loopsim.metrics import distribution
from loopsim.metrics.estimate import (
    by_group,
    percentile_interval,
    recentred,
    resampling_weights,
    weighted_mean,
    wilson_interval,
    with_intersections,
)
from loopsim.metrics.similarity import homogenisation, self_similarity
from tests.helpers.oracles import SEEDS


def test_wilson_agrees_with_scipy() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    for successes, n in ((0, 5), (3, 10), (250, 1000), (7, 7)):
        reference = scipy_stats.binomtest(successes, n).proportion_ci(method="wilson")
        assert wilson_interval(successes, n) == pytest.approx((reference.low, reference.high), abs=1e-6)


def test_groups_gaps_and_what_cannot_be_said() -> None:
    scores = np.array([1, 0, 1, 1], np.float32)
    groups = {"gender": ["man", "man", "woman", "woman"]}
    found = by_group(
        weighted_mean(scores), groups, {"gender": ("man", "woman", "other")}, 4, resampling_weights(4, 500, 0)
    )
    assert (found["overall"].value, found["gender=man"].value, found["gender gap"].value) == (0.75, 0.5, 0.5)
    assert found["gender=other"].value is None
    assert found["gender=other"].reason == "no items"
    assert found["gender gap"].is_bias
    assert found["gender gap"].n == 4


@pytest.mark.parametrize("num_groups", [2, 7, 14])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.3])
def test_the_interval_of_a_gap_holds_it_and_covers_that_of_other_items(
    num_groups: int, spread: float
) -> None:
    """Resampling makes a gap grow: of many small groups beyond the plain interval's lower end."""
    rng, size = np.random.default_rng(0), 60
    rates = np.repeat(np.linspace(0.4 - spread / 2, 0.4 + spread / 2, num_groups), size)
    labels = np.repeat([str(group) for group in range(num_groups)], size)
    values = {"side": tuple(str(group) for group in range(num_groups))}
    found = []
    for seed in range(60):
        scores, weights = rng.random(len(rates)) < rates, resampling_weights(len(rates), 200, seed)
        by_side = by_group(weighted_mean(scores), {"side": labels}, values, len(rates), weights)
        found.append(by_side["side gap"])
    assert all(0 <= one.low <= one.value <= one.high for one in found)
    expected = np.mean([one.value for one in found])
    assert np.mean([one.low <= expected <= one.high for one in found]) >= 0.85


def test_recentring_moves_replicates_by_a_constant() -> None:
    moved = recentred(np.array([1.0, np.nan, 3.0]), 10.0)
    assert moved[[0, 2]].tolist() == [9, 11]
    assert np.isnan(moved[1])
    assert np.isnan(recentred(np.full(3, np.nan), 1.0)).all()


@settings(max_examples=20)
@given(SEEDS)
def test_the_bootstrap_covers_the_mean_at_its_rate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = resampling_weights(80, 400, seed)
    covered = 0
    for _ in range(100):
        sample = rng.normal(size=80).astype(np.float32)
        low, high = percentile_interval(weighted_mean(sample)(weights, np.ones(80, bool)))
        covered += low <= 0 <= high
    assert 80 <= covered <= 100


def test_a_disaggregated_value_knows_its_differences_and_ratios() -> None:
    groups, values = with_intersections(
        {"gender": ["man", "man", "woman", "woman"], "tone": ["a", "b", "a", "b"]},
        {"gender": ("man", "woman"), "tone": "ab"},
    )
    found = by_group(weighted_mean(np.array([1, 1, 0.5, 0])), groups, values, 4, resampling_weights(4, 20, 0))
    assert (found.overall.value, found.n) == (0.625, 4)
    assert (found.difference("gender"), found.ratio("gender")) == (0.75, 0.25)
    assert set(found.by_group("gender & tone")) == {"man & a", "man & b", "woman & a", "woman & b"}
    assert found["gender & tone=man & a"].reason == "fewer than 2 items"
    assert found.ratio("gender & tone") is None


def test_nan_is_never_a_value() -> None:
    groups, weights = {"gender": ["man", "man", "woman", "woman"]}, resampling_weights(4, 20, 0)
    found = by_group(
        weighted_mean(np.array([1, np.nan, 1, 1])), groups, {"gender": ("man", "woman")}, 4, weights
    )
    assert found.overall.value is None
    assert "NaN" in str(found["gender=man"].reason)
    assert found["gender=woman"].value == 1
    assert found["gender gap"].value is None


@settings(max_examples=10)
@given(SEEDS)
def test_values_do_not_depend_on_the_items_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(20, 4)), rng.choice(["man", "woman"], 20).tolist()
    order = rng.permutation(20)
    weights = resampling_weights(20, 5, 0)
    for measure in (self_similarity, homogenisation, distribution.vendi_score):
        first = by_group(measure(x), {"gender": labels}, {"gender": ("man", "woman")}, 20, weights)
        second = by_group(
            measure(x[order]),
            {"gender": [labels[i] for i in order]},
            {"gender": ("man", "woman")},
            20,
            weights,
        )
        for group, e in first.items():
            assert (e.value is None) == (second[group].value is None)
            if e.value is not None:
                assert e.value == pytest.approx(second[group].value, rel=1e-4, abs=1e-5)
