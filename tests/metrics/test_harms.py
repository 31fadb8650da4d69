"""Omission and subordination against scipy's intervals."""

import pytest
from scipy import stats
from scipy.stats.contingency import relative_risk

from loopsim.metrics import harms


def test_omission_and_subordination() -> None:
    left_out = harms.omission(10, 100, 0.5)
    reference = stats.binomtest(10, 100).proportion_ci(method="wilson")
    assert (left_out.value, left_out.low, left_out.high) == pytest.approx(
        (0.2, reference.low / 0.5, reference.high / 0.5), abs=1e-5
    )
    ratio = harms.subordination(30, 50, 10, 50)
    katz = relative_risk(30, 50, 10, 50).confidence_interval(0.95)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((3.0, katz.low, katz.high), rel=1e-5)
    assert harms.subordination(0, 50, 0, 50).value == 1
    smoothed = harms.subordination(0, 50, 10, 50)
    assert smoothed.value == pytest.approx((1 / 51) / (11 / 51))
    with pytest.raises(ValueError, match="at least one answer"):
        harms.omission(0, 0, 0.5)
