"""Quotients of resamples: a group that a resample lacks has no value there."""

import numpy as np

from loopsim.metrics.estimate import quotient


def test_what_is_divided_by_nothing_is_not_a_number() -> None:
    found = quotient(np.array([[1, 2], [3, 4]], np.float32), np.array([[2], [0]], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0.5, 1.0], [np.nan, np.nan]])


def test_whole_numbers_give_fractions() -> None:
    np.testing.assert_array_equal(quotient(np.array([1, 2, 3]), np.array([2, 0, -1])), [0.5, np.nan, np.nan])
