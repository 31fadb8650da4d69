"""Directional bias amplification, BiasAmp→ (Wang & Russakovsky, ICML 2021).

Positive: the model's predictions tie attribute and task more closely than the truth does, in the direction
that the training data leans. It says nothing of where the training data's lean came from, and depends on
which pairs (a, t) are counted.

Two things are as in the authors' code rather than in the paper's formula. A pair towards which the training
data does not lean at all, P(a, t) = P(a) P(t), adds 0 to the mean (the formula would count it as leaning
away). And in the direction T→A predictions without an attribute, as captions that name no gender or both, are
left out: as zeros they would read as predictions of neither.
"""

import numpy as np

from loopsim.metrics.estimate import Statistic, quotient


def lean_of(attribute: np.ndarray, task: np.ndarray) -> np.ndarray:
    """Return the sign of P(a, t) - P(a) P(t) on the training data, [A, T] of -1, 0 and 1, from one-hot labels
    attribute [n, A] and task [n, T]; items without one of the two labels (a row of zeros) are left out.
    """
    has_both = (attribute.sum(1) > 0) & (task.sum(1) > 0)
    a, t = (labels[has_both].astype(np.float64) for labels in (attribute, task))
    # In whole numbers, n · n(a, t) against n(a) · n(t): rounding would make a lean out of a tie.
    sign: np.ndarray = np.sign(len(a) * (a.T @ t) - np.outer(a.sum(0), t.sum(0)))
    return sign


def _amplification(lean: np.ndarray, given: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> Statistic:
    """Mean over pairs of lean · (P(predicted | given) - P(true | given)); `given` [n, G], `true` and
    `predicted` [n, K], `lean` [G, K].
    """

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w = weights[:, mask].astype(np.float64)
        totals = w @ given[mask]
        change = np.einsum(
            "bn,ng,nk->bgk", w, given[mask], (predicted[mask].astype(np.float64) - true[mask]), optimize=True
        )
        delta = quotient(change, totals[:, :, None])
        signed = lean * delta
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
    """Return the statistic BiasAmp T→A: Δ = P(â | t) - P(a | t), both over the items with a predicted
    attribute. One-hot float arrays as in `attribute_to_task`; those of no attribute are rows of zeros.
    """
    predicts = predicted_attribute.sum(1, keepdims=True) > 0
    return _amplification(lean.T, task * predicts, attribute, predicted_attribute)
