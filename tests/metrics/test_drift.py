"""Drift: paired with the baseline, as wide as the noise of retraining and of items, each counted once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loopsim.metrics.drift import (
    UNKNOWN,
    Drift,
    Pair,
    Trajectory,
    differences,
    drift_over_seeds,
    drifts,
    with_verdicts,
)
from loopsim.metrics.retraining import MOST_PRIOR, Spread, fit_prior, moderated
from tests.helpers.oracles import SEEDS


def trajectory(
    value: float | list[float],
    baselines: list[float],
    replicates: np.ndarray | None = None,
    baseline_replicates: np.ndarray | None = None,
    *,
    is_bias: bool = False,
    has_model: bool = False,
) -> Trajectory:
    """A row whose replicates are its values themselves, unless they are given (of its last value)."""
    values = np.atleast_1d(np.array(value, float))
    size = 100 if replicates is None else len(replicates)
    own = np.repeat(values[:, None], size, 1)
    if replicates is not None:
        own[-1] = replicates
    starts = np.repeat(np.array(baselines)[:, None], size, 1)
    if baseline_replicates is not None:
        starts = np.atleast_2d(baseline_replicates)
    steps = range(1, len(values) + 1)
    return Trajectory(np.array(baselines), starts, steps, values, own, is_bias, has_model)


def judged(one: Trajectory) -> Drift:
    found = drifts([one])[0]
    assert found is not None
    return found


def test_drift_is_paired_and_signed_by_size_for_biases() -> None:
    base = np.random.default_rng(0).normal(-0.5, 0.2, 500)
    assert judged(trajectory(-0.7, [-0.5], base - 0.2, base, is_bias=True)).delta == pytest.approx(0.2)
    moved = judged(trajectory(-0.7, [-0.5], base - 0.2, base))
    assert (moved.low, moved.high) == pytest.approx((-0.2, -0.2))  # the items' noise cancels
    assert moved.verdict == "fell"
    noise = np.abs(np.random.default_rng(1).normal(0, 0.03, 500))  # a gap's replicates lie above it, .004
    above = judged(trajectory(0.004, [0.0], 0.004 + noise, np.zeros(500), is_bias=True))
    assert above.verdict == "no evidence"
    assert judged(trajectory(0.0, [0.0], base, base, is_bias=True)).verdict == "no evidence"


def test_retraining_noise_widens_the_interval_as_students_prediction_interval() -> None:
    starts = [0.50, 0.52, 0.48]
    found = judged(trajectory(0.6, starts, has_model=True))
    half = stats.t.ppf(0.975, 2) * np.std(starts, ddof=1) * np.sqrt(1 + 1 / 3)
    assert (found.delta, found.low, found.high) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    assert found.retraining == pytest.approx(half)
    t = 0.1 / (np.std(starts, ddof=1) * np.sqrt(4 / 3))
    assert found.p_value == pytest.approx(2 * stats.t.sf(t, 2))


def test_a_loop_stands_where_its_last_two_generations_are() -> None:
    found = judged(trajectory([0.1, 0.4, 0.6], [0.0]))
    assert found.delta == pytest.approx(0.5)
    gone = replace(trajectory([0.1, 0.4, 0.6], [0.0]), steps=[1, 2, 4])  # generation 3 has no value
    assert judged(gone).delta == pytest.approx(0.6)


def test_the_generations_scatter_tells_of_retraining_but_neither_a_line_nor_a_step_does() -> None:
    starts = [0.5, 0.52, 0.48]
    for ways in ([0.6, 0.7, 0.8, 0.9, 1.0], [1.0] * 5):
        found = judged(trajectory(ways, starts, has_model=True))
        half = stats.t.ppf(0.975, 5) * np.sqrt(0.0008 / 5 * (1 / 2 + 1 / 3))
        assert found.retraining == pytest.approx(half)
    shaken = judged(trajectory([0.6, 0.8, 0.7, 1.0, 0.9], starts, has_model=True))
    assert shaken.retraining is not None
    assert shaken.retraining > 3 * half


def test_the_trend_is_the_slope_over_baselines_and_generations() -> None:
    starts, ways = [0.5, 0.52, 0.48], [0.61, 0.69, 0.80, 0.90, 1.01]
    found = judged(trajectory(ways, starts, has_model=True)).trend
    assert found is not None
    line = stats.linregress([0, 0, 0, 1, 2, 3, 4, 5], starts + ways)
    assert found.slope == pytest.approx(line.slope)
    assert found.verdict == "rising"
    assert found.low > 0
    assert judged(trajectory([0.6], starts, has_model=True)).trend is None


def test_one_step_is_no_trend() -> None:
    """The share of darker skin fell in the first generation, stayed there, and was called falling."""
    starts, flat = [0.5, 0.52, 0.48], [0.9, 0.91, 0.89, 0.9, 0.9]
    found = judged(trajectory(flat, starts, has_model=True))
    assert found.verdict == "rose"
    assert found.trend is not None
    assert found.trend.low > 0
    assert (found.trend.goes_on, found.trend.verdict) == (False, "no evidence")


def test_flipping_items_are_counted_once() -> None:
    """What the bootstrap sees of each training's own items is in the spread of trainings already."""
    rng = np.random.default_rng(0)
    shared, num = rng.normal(0, 0.3, 2000), 2000
    starts = [0.50, 0.56, 0.44]
    base = np.stack([value + shared + rng.normal(0, 0.05, num) for value in starts])
    now = 0.5 + shared + rng.normal(0, 0.05, num)
    found = judged(trajectory(0.5, starts, now, base, has_model=True))
    assert found.retraining is not None
    assert found.high - found.low == pytest.approx(2 * found.retraining, rel=0.02)
    steady = judged(trajectory(0.5, [0.5, 0.501, 0.499], now, base, has_model=True))
    assert steady.retraining is not None
    assert steady.retraining >= 0.9 * stats.t.ppf(0.975, 2) * 0.05 * np.sqrt(
        4 / 3
    )  # never less than the items


def test_a_model_that_was_trained_once_has_no_verdict() -> None:
    """Six training steps later "max_skew mitigated" was reported, with the noise of retraining unknown."""
    once = trajectory(0.9, [0.5], has_model=True)
    found = judged(once)
    assert (found.verdict, found.retraining, found.adjusted_p) == (UNKNOWN, None, None)
    assert found.trend is None
    strong = trajectory(0.9, [0.5])
    both = drifts([once] * 50 + [strong])
    assert both[-1] is not None
    assert both[-1].adjusted_p == both[-1].p_value  # what is unknown is no test


def test_trainings_that_are_all_equal_say_nothing_of_their_noise() -> None:
    assert judged(trajectory(0.9, [0.5, 0.5, 0.5], has_model=True)).verdict == "no evidence"


def test_a_row_without_finite_replicates_is_not_judged() -> None:
    assert drifts([trajectory(1.0, [1.0], np.full(5, np.nan), np.ones(5))]) == [None]


def test_moderation_agrees_with_a_simulated_prior() -> None:
    rng = np.random.default_rng(0)
    true = 2.0 * 3 / rng.chisquare(3, 20_000)  # scaled inverse chi-square: centre 2, 3 degrees of freedom
    seen = true * rng.chisquare(2, 20_000) / 2
    centre, prior = fit_prior(seen, np.full(20_000, 2.0))
    assert centre == pytest.approx(2.0, rel=0.1)
    assert prior == pytest.approx(3.0, rel=0.15)
    alike = rng.chisquare(2, 2000) / 2
    assert fit_prior(alike, np.full(2000, 2.0))[1] == MOST_PRIOR


@given(SEEDS, st.integers(1, 30))
def test_a_moderated_variance_lies_between_its_own_and_the_others(seed: int, num: int) -> None:
    rng = np.random.default_rng(seed)
    spreads = [Spread(float(rng.chisquare(2)), 2, float(rng.uniform(0, 0.2))) for _ in range(num)]
    found = moderated(spreads)
    ratios = [s.squares / 2 / s.unit for s in spreads if s.unit > 0]
    for one, s in zip(found, spreads, strict=True):
        assert one.value >= s.unit
        assert 2 <= one.freedom <= 2 + MOST_PRIOR
        if s.unit > 0 and num > 1:
            assert one.value <= s.unit * max(1.0, *ratios, 50.0) * 50


def test_many_tests_are_corrected_and_a_verdict_needs_its_interval_too() -> None:
    strong = Drift(0.1, 0.05, 0.15, 0.001, None, True)
    weak = Drift(-0.1, -0.19, -0.01, 0.04, None, False)
    assert [d.verdict for d in with_verdicts([strong, weak])] == ["amplified", "fell"]
    crowd = [Drift(0.0, -0.1, 0.1, 0.9, None, True)] * 10
    assert [d.verdict for d in with_verdicts([strong, weak, *crowd])][:2] == ["amplified", "no evidence"]
    assert with_verdicts([Drift(0.1, -0.01, 0.2, 0.0001, None, True)])[0].verdict == "no evidence"
    assert with_verdicts([]) == []


def test_over_seeds_the_seed_is_the_unit() -> None:
    deltas = [0.1, 0.2, 0.15, 0.12]
    found = drift_over_seeds(deltas, is_bias=True)
    reference = stats.ttest_1samp(deltas, 0)
    assert found is not None
    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert drift_over_seeds([0.1], is_bias=True) is None


@pytest.mark.parametrize("deltas", [[0.008, 0.008], [-0.003] * 3, [0.0, 0.0]])
def test_deltas_that_are_equal_say_nothing_of_their_noise(deltas: list[float]) -> None:
    found = drift_over_seeds(deltas, is_bias=True)
    assert found is not None
    assert with_verdicts([found])[0].verdict == "no evidence"


def pair(
    value: float,
    replicates: np.ndarray,
    other: float,
    other_replicates: np.ndarray,
    again: list[float],
    **more,
) -> Drift:
    """The difference of one row of two runs, whose baselines' replicates are their values."""
    starts = np.repeat(np.array(again)[:, None], len(replicates), 1)
    fields = {"is_bias": False, "has_model": bool(again)} | more
    one = Pair(value, replicates, other, other_replicates, np.array(again), starts, **fields)
    found = differences([one])[0]
    assert found is not None
    return found


def test_two_runs_differ_by_items_and_by_retraining() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.3, 0.02, 2000), rng.normal(0.5, 0.02, 2000)
    plain = pair(0.5, other, 0.3, one, [])
    assert plain.delta == pytest.approx(0.2)
    assert plain.high - plain.low == pytest.approx(2 * 1.96 * 0.02 * np.sqrt(2), rel=0.1)
    assert plain.verdict == "rose"
    assert pair(-0.5, -other, 0.3, one, [], is_bias=True).delta == pytest.approx(0.2)  # of sizes
    noisy = pair(0.5, other, 0.3, one, [0.3, 0.45, 0.2])
    assert noisy.retraining is not None
    assert noisy.high - noisy.low > plain.high - plain.low
    assert noisy.retraining == pytest.approx(4.3027 * np.std([0.3, 0.45, 0.2], ddof=1) * np.sqrt(2), rel=1e-4)
    unknown = pair(0.5, other, 0.3, one, [0.3])
    assert (unknown.retraining, unknown.verdict) == (None, UNKNOWN)


def test_what_is_paired_is_compared_in_pairs() -> None:
    shared = np.random.default_rng(0).normal(0.5, 0.1, 500)
    found = pair(0.52, shared + 0.02, 0.5, shared, [])
    assert found.high - found.low < 1e-6
    gone = Pair(1, np.full(5, np.nan), 1, np.ones(5), np.zeros(0), np.zeros((0, 5)), False, False)
    assert differences([gone]) == [None]


def test_no_retraining_is_called_a_difference_more_often_than_stated() -> None:
    """Models of one setting, each trained once, with three that were trained again to know the noise."""
    rng, false = np.random.default_rng(1), 0
    for _ in range(400):
        values, again = rng.normal(0.5, 0.05, 2), rng.normal(0.5, 0.05, 3)
        items = [value + rng.normal(0, 0.01, 200) for value in values]
        false += pair(values[1], items[1], values[0], items[0], list(again)).p_value < 0.05
    assert false / 400 < 0.08
