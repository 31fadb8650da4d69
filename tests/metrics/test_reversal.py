"""A bias that turns to the other side of zero is seen, whatever its size did."""

import numpy as np
import pytest

from loopsim.metrics.drift import Drift, Pair, Trajectory, differences, drifts
from loopsim.metrics.reversal import crossing, verdict_of_bias


def moved(start: float, end: float, noise: float = 0.05, *, is_bias: bool = True) -> Drift:
    """The drift of a row whose start and end have independent noise."""
    rng = np.random.default_rng(0)
    starts, ends = (rng.normal(value, noise, 2000) for value in (start, end))
    return judged(end, ends, [start], starts[None], is_bias=is_bias)


def judged(
    value: float,
    replicates: np.ndarray,
    baselines: list[float],
    baseline_replicates: np.ndarray,
    *,
    is_bias: bool = True,
    has_model: bool = False,
) -> Drift:
    """The drift of a row of one generation."""
    starts, values = np.array(baselines), np.array([value])
    found = drifts(
        [Trajectory(starts, baseline_replicates, [1], values, replicates[None], is_bias, has_model)]
    )[0]
    assert found is not None
    return found


def compared(
    value: float, replicates: np.ndarray, other: float, others: np.ndarray, again: list[float]
) -> str:
    """The verdict on a bias in two runs."""
    starts = np.repeat(np.array(again)[:, None], len(others), 1)
    one = Pair(value, replicates, other, others, np.array(again), starts, is_bias=True, has_model=bool(again))
    found = differences([one])[0]
    assert found is not None
    return found.verdict


@pytest.mark.parametrize(
    ("start", "end", "verdict"),
    [
        (-0.5, 0.5, "reversed"),
        (0.5, -0.5, "reversed"),
        (-0.5, 0.9, "reversed"),  # larger, too
        (0.9, -0.5, "reversed"),
        (-0.09, 0.12, "reversed"),  # neither side is sure by itself; that it moved is
        (-0.02, 0.5, "amplified"),  # it began at about none
        (0.5, -0.02, "mitigated"),
        (-0.02, 0.03, "no evidence"),
        (0.5, 0.9, "amplified"),
        (0.5, 0.5, "no evidence"),
        (0.0, 0.5, "amplified"),
    ],
)
def test_a_change_of_sign_has_a_verdict_of_its_own(start: float, end: float, verdict: str) -> None:
    found = moved(start, end)
    assert found.verdict == verdict
    assert found.delta == pytest.approx(abs(end) - abs(start))


def test_what_is_no_bias_only_rises_or_falls() -> None:
    assert moved(-0.5, 0.5, is_bias=False).verdict == "rose"
    assert moved(-0.5, 0.5, is_bias=False).crossed is None


def test_retraining_that_turns_the_sign_by_itself_is_no_reversal() -> None:
    starts, flat = [-0.5, 0.4, -0.3], np.zeros((3, 200))
    found = judged(0.5, flat[0] + 0.5, starts, flat + np.array(starts)[:, None], has_model=True)
    assert found.verdict == "no evidence"


def test_a_turned_bias_is_tested_once_and_by_its_signed_value() -> None:
    """Of a bias that is noise around zero no more is claimed than of others: at most 5 %."""
    rng, false = np.random.default_rng(1), 0
    for _ in range(600):
        start, end = rng.normal(0, 0.1, 2)
        draws = [value + rng.normal(0, 0.1, 200) for value in (start, end)]
        false += judged(end, draws[1], [start], draws[0][None]).verdict != "no evidence"
    assert false / 600 < 0.06


def test_two_runs_may_lean_to_different_sides() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(-0.5, 0.05, 500), rng.normal(0.5, 0.05, 500)
    assert compared(0.5, other, -0.5, one, []) == "reversed"
    assert compared(0.5, other, -0.5, one, [-0.5]) == "unknown"


def test_the_name_of_a_verdict_is_that_of_four_numbers() -> None:
    assert crossing(-0.5, -0.1, 0.2, 0.6) is None
    assert crossing(0.0, 0.5, 0.2, 0.6) is None
    assert verdict_of_bias(-0.1, 0.1, crossing(-0.5, 0.5, 0.8, 1.2)) == "reversed"
    assert verdict_of_bias(-0.1, 0.1, crossing(-0.5, 0.5, -0.1, 2.1)) == "no evidence"
    assert verdict_of_bias(0.1, 0.3, crossing(-0.1, 0.3, 0.1, 0.7)) == "amplified"
    assert verdict_of_bias(-0.3, -0.1, None) == "mitigated"
