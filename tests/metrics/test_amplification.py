"""Bias amplification against its definition."""

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
            y = np.mean((train_a == i) & (train_t == j)) > np.mean(train_a == i) * np.mean(train_t == j)
            assert lean[i, j] == y
            sign = 1 if y else -1
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
