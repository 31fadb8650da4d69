"""Directional bias amplification, BiasAmp→ (Wang & Russakovsky, ICML 2021).

Positive: the model's predictions tie attribute and task more closely than the truth does, in the direction
that the training data leans. It says nothing of where the training data's lean came from, and depends on
which pairs (a, t) are counted.
"""

import numpy as np

from loopsim.metrics.estimate import Statistic, quotient


def lean_of(attribute: np.ndarray, task: np.ndarray) -> np.ndarray:
    """Return y [A, T] = 1[P(a, t) > P(a) P(t)] on the training data, from one-hot labels attribute [n, A] and
    task [n, T].
    """
    joint: np.ndarray = attribute.T.astype(np.float64) @ task / len(attribute)
    return joint > np.outer(attribute.mean(0, dtype=np.float64), task.mean(0, dtype=np.float64)) + 1e-12


def _amplification(lean: np.ndarray, given: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> Statistic:
    """Mean over pairs of ±(P(predicted | given) - P(true | given)); `given` [n, G], `true` and `predicted`
    [n, K], `lean` [G, K].
    """

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w = weights[:, mask].astype(np.float64)
        totals = w @ given[mask]
        change = np.einsum(
            "bn,ng,nk->bgk", w, given[mask], (predicted[mask].astype(np.float64) - true[mask]), optimize=True
        )
        delta = quotient(change, totals[:, :, None])
        signed = np.where(lean, delta, -delta)
        present = np.isfinite(signed)
        # A value of `given` that a resample lacks leaves its pairs out of the mean.
        return quotient(np.where(present, signed, 0).sum((1, 2)), present.sum((1, 2)))

    return statistic


def attribute_to_task(
    lean: np.ndarray, attribute: np.ndarray, task: np.ndarray, predicted_task: np.ndarray
) -> Statistic:
    """Return the statistic BiasAmp A→T: Δ = P(t̂ | a) - P(t | a). One-hot float arrays [n, A] and [n, T];
    `lean` [A, T] is of the training data.
    """
    return _amplification(lean, attribute, task, predicted_task)


def task_to_attribute(
    lean: np.ndarray, attribute: np.ndarray, task: np.ndarray, predicted_attribute: np.ndarray
) -> Statistic:
    """Return the statistic BiasAmp T→A: Δ = P(â | t) - P(a | t). One-hot float arrays as in
    `attribute_to_task`.
    """
    return _amplification(lean.T, task, attribute, predicted_attribute)
