"""Drift: paired with the baseline, wide as the noise of retraining, corrected for many tests."""

import numpy as np
import pytest

from loopsim.metrics.drift import Drift, drift, drift_over_seeds, with_verdicts


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
