"""What slow oracles of metrics share."""

import numpy as np
from hypothesis import strategies as st

SEEDS = st.integers(0, 10_000)
CLOSE = {"rel": 1e-5, "abs": 1e-6}  # of float32 sums against float64 ones


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers, float64 of `shape`."""
    return np.random.default_rng(seed).normal(size=shape)


def value(statistic, n: int) -> float:
    """A statistic of all `n` items, each counted once."""
    return float(statistic(np.ones((1, n), np.float32), np.ones(n, bool))[0])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of two vectors."""
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def features(seed: int, *shape: int) -> np.ndarray:
    """The same numbers in float32, as models give features."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
