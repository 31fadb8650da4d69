"""Detection: the curve's area as scikit-learn has it, thresholds that hold their rate, shares by group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from loopsim.metrics.detection import auc, flagged_share, threshold_at, tpr_at
from loopsim.metrics.estimate import wilson_interval

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30).map(np.array)


@given(real=scores, synthetic=scores)
def test_the_area_is_scikit_learns_and_a_slow_count(real: np.ndarray, synthetic: np.ndarray) -> None:
    found = auc(real, synthetic)
    truth = np.repeat([0, 1], [len(real), len(synthetic)])
    assert found == pytest.approx(roc_auc_score(truth, np.concatenate([real, synthetic])))
    wins = [(s > r) + 0.5 * (s == r) for s in synthetic for r in real]
    assert found == pytest.approx(np.mean(wins))


@given(real=scores, synthetic=scores, rate=st.floats(0.001, 0.999))
def test_a_threshold_holds_its_rate_and_none_below_does(
    real: np.ndarray, synthetic: np.ndarray, rate: float
) -> None:
    threshold = threshold_at(real, rate)
    assert (real > threshold).mean() <= rate
    lower = real[real < threshold]
    if len(lower):
        assert (real > lower.max()).mean() > rate
    assert tpr_at(real, synthetic, rate) == (synthetic > threshold).mean()


def test_of_nothing_nothing_is_known() -> None:
    none, some = np.array([]), np.array([1.0])
    assert auc(none, some) is auc(some, none) is tpr_at(none, some, 0.1) is tpr_at(some, none, 0.1) is None


def test_shares_are_by_group() -> None:
    groups = {"gender": ["man"] * 10 + ["woman"] * 10}
    found = flagged_share(np.arange(20) > 12, groups, {"gender": ["man", "woman", "nobody"]})
    assert found["overall"].value == 0.35
    woman = found["gender=woman"]
    assert (woman.value, woman.n, woman.low, woman.high) == (0.7, 10, *wilson_interval(7, 10))
    assert found["gender=man"].value == 0
    assert found["gender=nobody"].value is None
