"""Bias amplification against its definition."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from loopsim.metrics import amplification
from tests.helpers.oracles import CLOSE, SEEDS, value


@settings(max_examples=30)
@given(SEEDS)
def test_bias_amplification_equals_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, eye2, eye3 = 40, np.eye(2), np.eye(3)
    a, t, said_a, said_t = (rng.integers(0, k, n) for k in (2, 3, 2, 3))
    train_a, train_t = rng.integers(0, 2, 50), rng.integers(0, 3, 50)
    lean = amplification.lean_of(eye2[train_a], eye3[train_t])
    to_task, to_attribute = [], []
    for i in range(2):
        for j in range(3):
            together = Fraction(int(np.sum((train_a == i) & (train_t == j))), 50)
            apart = Fraction(int(np.sum(train_a == i)), 50) * Fraction(int(np.sum(train_t == j)), 50)
            sign = (together > apart) - (together < apart)
            assert lean[i, j] == sign
            to_task.append(sign * (np.mean(said_t[a == i] == j) - np.mean(t[a == i] == j)))
            to_attribute.append(sign * (np.mean(said_a[t == j] == i) - np.mean(a[t == j] == i)))
    assert value(amplification.attribute_to_task(lean, eye2[a], eye3[t], eye3[said_t]), n) == pytest.approx(
        np.mean(to_task), **CLOSE
    )
    assert value(amplification.task_to_attribute(lean, eye2[a], eye3[t], eye2[said_a]), n) == pytest.approx(
        np.mean(to_attribute), **CLOSE
    )
    assert value(amplification.attribute_to_task(lean, eye2[a], eye3[t], eye3[t]), n) == pytest.approx(
        0, abs=1e-9
    )


def test_a_pair_towards_which_the_data_does_not_lean_adds_nothing_and_is_counted() -> None:
    eye = np.eye(2)
    even = eye[[0, 0, 1, 1]], eye[[0, 1, 0, 1]]
    assert not amplification.lean_of(*even).any()
    a, t, said = eye[[0, 0, 1, 1]], eye[[0, 1, 0, 1]], eye[[0, 0, 1, 1]]  # predictions follow the attribute
    assert value(amplification.attribute_to_task(amplification.lean_of(*even), a, t, said), 4) == 0
    # One pair of a third task leans neither way: 4 of 12 women, 2 of 6 men.
    women, men = [0] * 6 + [1] * 2 + [2] * 4, [0] + [1] * 3 + [2] * 2
    lean = amplification.lean_of(eye[[0] * 12 + [1] * 6], np.eye(3)[women + men])
    assert lean.tolist() == [[1, -1, 0], [-1, 1, 0]]
    eye3 = np.eye(3)
    told = value(amplification.attribute_to_task(lean, eye[[0, 1]], eye3[[2, 2]], eye3[[0, 1]]), 2)
    assert told == pytest.approx((1 + 0 + 0 + 0 + 1 + 0) / 6)


def test_rounding_does_not_make_a_lean_of_a_tie() -> None:
    eye = np.eye(2)
    for n, m in ((3, 7), (7, 11), (49, 3)):
        a, t = (labels.ravel() for labels in np.meshgrid(np.arange(n) < 1, np.arange(m) < 1))
        assert not amplification.lean_of(eye[a.astype(int)], eye[t.astype(int)]).any()


def test_training_items_without_a_label_do_not_move_the_lean() -> None:
    eye = np.eye(2)
    a, t = eye[[0, 0, 1, 1, 1]], eye[[0, 1, 0, 1, 1]]
    nobody = np.zeros((40, 2))
    expected = amplification.lean_of(a, t)
    assert (amplification.lean_of(np.vstack([a, nobody]), np.vstack([t, eye[[0] * 40]])) == expected).all()


@settings(max_examples=20)
@given(SEEDS)
def test_what_names_no_attribute_is_left_out_of_the_way_to_attributes(seed: int) -> None:
    """As in the authors' captioning code: an image whose caption names no gender is skipped."""
    rng = np.random.default_rng(seed)
    n, eye = 60, np.eye(2)
    a, t, said = (eye[rng.integers(0, 2, n)] for _ in range(3))
    lean = np.array([[1, -1], [-1, 1]])
    names = rng.random(n) < 0.6
    said[~names] = 0
    found = value(amplification.task_to_attribute(lean, a, t, said), n)
    expected = [
        lean[i, j] * (said[names & (t[:, j] == 1), i].mean() - a[names & (t[:, j] == 1), i].mean())
        for i in range(2)
        for j in range(2)
    ]
    assert found == pytest.approx(np.mean(expected), **CLOSE)
    silent = amplification.task_to_attribute(lean, a, t, np.zeros((n, 2)))
    assert np.isnan(value(silent, n))
