"""Drift: paired with the baseline, wide as the noise of retraining, corrected for many tests."""

import numpy as np
import pytest

from loopsim.metrics.drift import Drift, difference, drift, drift_over_seeds, with_verdicts


def judged(
    value: float, baseline: float, replicates: np.ndarray, baseline_replicates: np.ndarray, *, is_bias: bool
) -> Drift:
    found = drift(value, replicates, [baseline], baseline_replicates[None], is_bias=is_bias, has_model=False)
    assert found is not None
    return with_verdicts([found])[0]


def test_drift_is_paired_and_signed_by_size_for_biases() -> None:
    base = np.random.default_rng(0).normal(-0.5, 0.2, 500)
    assert judged(-0.7, -0.5, base - 0.2, base, is_bias=True).delta == pytest.approx(0.2)
    moved = judged(-0.7, -0.5, base - 0.2, base, is_bias=False)
    assert (moved.low, moved.high) == pytest.approx((-0.2, -0.2))  # the items' noise cancels
    assert moved.verdict == "fell"
    noise = np.abs(
        np.random.default_rng(1).normal(0, 0.03, 500)
    )  # a gap's replicates lie above its value, 0.004
    assert judged(0.004, 0.0, 0.004 + noise, np.zeros(500), is_bias=True).verdict == "no evidence"
    assert judged(0.0, 0.0, base, base, is_bias=True).verdict == "no evidence"


def test_retraining_noise_widens_the_interval_as_students_prediction_interval() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    flat, starts = np.full(100, 0.6), [0.50, 0.52, 0.48]
    found = drift(
        0.6, flat, starts, np.repeat(np.array(starts)[:, None], 100, axis=1), is_bias=False, has_model=True
    )
    assert found is not None
    half = scipy_stats.t.ppf(0.975, 2) * np.std(starts, ddof=1) * np.sqrt(1 + 1 / 3)
    assert (found.delta, found.low, found.high) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    assert found.retraining == pytest.approx(half)
    assert found.p_value == pytest.approx(
        2 * scipy_stats.t.sf(0.1 / (np.std(starts, ddof=1) * np.sqrt(4 / 3)), 2)
    )


def test_many_tests_are_corrected_and_a_verdict_needs_its_interval_too() -> None:
    strong = Drift(0.1, 0.05, 0.15, 0.001, None, True)
    weak = Drift(-0.1, -0.19, -0.01, 0.04, None, False)
    assert [d.verdict for d in with_verdicts([strong, weak])] == ["amplified", "fell"]
    crowd = [Drift(0.0, -0.1, 0.1, 0.9, None, True)] * 10
    assert [d.verdict for d in with_verdicts([strong, weak, *crowd])][:2] == ["amplified", "no evidence"]
    assert with_verdicts([Drift(0.1, -0.01, 0.2, 0.0001, None, True)])[0].verdict == "no evidence"
    assert with_verdicts([]) == []


def test_over_seeds_the_seed_is_the_unit() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    deltas = [0.1, 0.2, 0.15, 0.12]
    found = drift_over_seeds(deltas, is_bias=True)
    reference = scipy_stats.ttest_1samp(deltas, 0)
    assert found is not None
    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert drift_over_seeds([0.1], is_bias=True) is None


@pytest.mark.parametrize("deltas", [[0.008, 0.008], [-0.003] * 3, [0.0, 0.0]])
def test_deltas_that_are_equal_say_nothing_of_their_noise(deltas: list[float]) -> None:
    found = drift_over_seeds(deltas, is_bias=True)
    assert found is not None
    assert with_verdicts([found])[0].verdict == "no evidence"


def test_two_runs_differ_by_items_and_by_retraining() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.3, 0.02, 2000), rng.normal(0.5, 0.02, 2000)
    plain = difference(0.5, other, 0.3, one, [], is_bias=False, has_model=False)
    assert plain is not None
    assert plain.delta == pytest.approx(0.2)
    assert plain.high - plain.low == pytest.approx(2 * 1.96 * 0.02 * np.sqrt(2), rel=0.1)
    assert with_verdicts([plain])[0].verdict == "rose"
    bias = difference(-0.5, -other, 0.3, one, [], is_bias=True, has_model=False)
    assert bias is not None
    assert bias.delta == pytest.approx(0.2)  # of sizes
    noisy = difference(0.5, other, 0.3, one, [0.3, 0.45, 0.2], is_bias=False, has_model=True)
    assert noisy is not None
    assert noisy.retraining is not None
    assert noisy.high - noisy.low > plain.high - plain.low
    assert noisy.retraining == pytest.approx(4.3027 * np.std([0.3, 0.45, 0.2], ddof=1) * np.sqrt(2), rel=1e-4)
    unknown = difference(0.5, other, 0.3, one, [0.3], is_bias=False, has_model=True)
    assert unknown is not None
    assert unknown.retraining is None
    assert with_verdicts([unknown])[0].verdict == "no evidence"


def test_what_is_paired_is_compared_in_pairs() -> None:
    shared = np.random.default_rng(0).normal(0.5, 0.1, 500)
    found = difference(0.52, shared + 0.02, 0.5, shared, [], is_bias=False, has_model=False)
    assert found is not None
    assert found.high - found.low < 1e-6
    assert difference(1, np.full(5, np.nan), 1, np.ones(5), [], is_bias=False, has_model=False) is None


def test_no_retraining_is_called_a_difference_more_often_than_stated() -> None:
    """Models of one setting, each trained once, with three that were trained again to know the noise."""
    rng, false = np.random.default_rng(1), 0
    for _ in range(400):
        values, again = rng.normal(0.5, 0.05, 2), rng.normal(0.5, 0.05, 3)
        items = [value + rng.normal(0, 0.01, 200) for value in values]
        found = difference(
            values[1], items[1], values[0], items[0], list(again), is_bias=False, has_model=True
        )
        assert found is not None
        false += found.p_value < 0.05
    assert false / 400 < 0.08
