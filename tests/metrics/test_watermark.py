"""Bits that are right: exact tails, the source's thresholds, and rates that hold."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.metrics.watermark import bits_needed, p_values


@pytest.mark.parametrize(("num_bits", "accuracy"), [(256, 0.648), (128, 0.711), (64, 0.781)])
def test_the_thresholds_are_those_of_the_source(num_bits: int, accuracy: float) -> None:
    """Yang et al. 2024: false positives of 1e-6 need these shares of right bits."""
    needed = bits_needed(num_bits, 1e-6)
    assert needed is not None
    assert (needed - 1) / num_bits == pytest.approx(accuracy, abs=0.0006)  # theirs is to be exceeded


@given(num_bits=st.integers(1, 60), tries=st.integers(1, 50), data=st.data())
def test_a_slow_sum_gives_the_same(num_bits: int, tries: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, num_bits))
    tail = sum(comb(num_bits, i) for i in range(correct, num_bits + 1)) / 2**num_bits
    assert p_values(np.array([correct]), num_bits, tries)[0] == pytest.approx(min(1, tries * tail), rel=1e-9)


@given(num_bits=st.integers(1, 300), rate=st.floats(1e-9, 0.5), tries=st.integers(1, 300))
def test_the_fewest_bits_that_suffice(num_bits: int, rate: float, tries: int) -> None:
    needed = bits_needed(num_bits, rate, tries)
    if needed is None:
        assert p_values(np.array([num_bits]), num_bits, tries)[0] > rate
    else:
        below, at = p_values(np.array([needed - 1, needed]), num_bits, tries)
        assert at <= rate < below or needed == 0


def test_coins_are_taken_for_a_mark_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(0)
    tries, num_bits, num = 16, 64, 40_000
    best = rng.binomial(num_bits, 0.5, (num, tries)).max(1)
    needed = bits_needed(num_bits, 0.01, tries)
    assert 0.002 < (best >= needed).mean() <= 0.01
