"""Detection: the curve's area as scikit-learn has it, thresholds that hold their rate, shares by group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from loopsim.metrics.detection import auc, share_above, share_above_by_group, threshold_at
from loopsim.metrics.estimate import wilson_interval

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30).map(np.array)


@given(real=scores, synthetic=scores)
def test_the_area_is_scikit_learns_and_a_slow_count(real: np.ndarray, synthetic: np.ndarray) -> None:
    found = auc(real, synthetic)
    truth = np.repeat([0, 1], [len(real), len(synthetic)])
    assert found == pytest.approx(roc_auc_score(truth, np.concatenate([real, synthetic])))
    wins = [(s > r) + 0.5 * (s == r) for s in synthetic for r in real]
    assert found == pytest.approx(np.mean(wins))


@given(real=scores, rate=st.floats(0.001, 0.999))
def test_a_threshold_holds_its_rate_and_none_below_does(real: np.ndarray, rate: float) -> None:
    threshold = threshold_at(real, rate)
    assert (real > threshold).mean() <= rate
    lower = real[real < threshold]
    if len(lower):
        assert (real > lower.max()).mean() > rate


def test_shares_by_group_and_intersection() -> None:
    groups = [
        {"gender": gender, "skin_tone": tone, "profession": "cook"}
        for gender in ("man", "woman")
        for tone in ("darker", "lighter")
        for _ in range(5)
    ]
    found = share_above_by_group(np.arange(20.0), 12.5, groups)
    assert set(found) == {
        "man", "woman", "darker", "lighter", "man & darker", "man & lighter",
        "woman & darker", "woman & lighter",
    }  # fmt: skip
    assert found["woman"] == (0.7, *wilson_interval(7, 10))
    assert found["woman & lighter"][0] == 1
    assert found["man"][0] == 0
    assert share_above(np.arange(4.0), 0.5)[0] == 0.75
    assert share_above_by_group(np.arange(2.0), 0.5, [{"gender": "man"}, {}]) == {
        "man": (0.0, *wilson_interval(0, 1))
    }
