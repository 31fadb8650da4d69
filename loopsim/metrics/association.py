"""WEAT and iEAT: whether two sets of targets lean to two sets of attributes in an encoder (Caliskan et al.
2017; Steed & Caliskan 2021).

d > 0: X leans to A. d is a standardised difference, between -2 and 2; it says that an association is there,
not what a system does with it.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from loopsim.metrics.estimate import Statistic
from loopsim.metrics.similarity import unit_rows


@final
@dataclass(frozen=True)
class Association:
    """Effect size d, and the one-sided p-value of a permutation test."""

    effect_size: float
    p_value: float


def association_scores(targets: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return s [n] = mean cosine to A - mean cosine to B of targets [n, d], for attribute sets [p, d] and [q,
    d].
    """
    unit = unit_rows(targets).astype(np.float64)
    means = [unit_rows(attributes).mean(0, dtype=np.float64) for attributes in (a, b)]
    scores: np.ndarray = unit @ (means[0] - means[1])
    return scores


def effect_size(scores: np.ndarray, in_x: np.ndarray) -> Statistic:
    """Return the statistic d = (mean_X s - mean_Y s) / sd_{X ∪ Y} s (divisor n - 1) of scores [n]; `in_x` [n]
    tells X from Y.
    """

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w, s, x = weights[:, mask].astype(np.float64), scores[mask], in_x[mask]
        totals = w.sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = (w[:, x] @ s[x]) / w[:, x].sum(1) - (w[:, ~x] @ s[~x]) / w[:, ~x].sum(1)
            mean = w @ s / totals
            variance = (w @ np.square(s) - totals * mean**2) / (totals - 1)
            d: np.ndarray = difference / np.sqrt(variance.clip(0))
        return d

    return statistic


def association_test(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, num_permutations: int = 10_000, seed: int = 0
) -> Association:
    """Return d and p of targets X [n, d], Y [m, d] and attributes A, B; p is the share of random
    re-assignments with a difference as large.

    The observed assignment counts as one of them (Phipson & Smyth 2010), so p is never 0. Raises ValueError
    with fewer than two items in X or Y.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError("needs at least two items on each side")
    scores = association_scores(np.concatenate([x, y]), a, b)
    in_x = np.arange(len(scores)) < len(x)
    d = effect_size(scores, in_x)(np.ones((1, len(scores))), np.ones(len(scores), bool))[0]
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(scores, (num_permutations, 1)), axis=1)
    difference = shuffled[:, : len(x)].mean(1) - shuffled[:, len(x) :].mean(1)
    observed = scores[in_x].mean() - scores[~in_x].mean()
    return Association(float(d), float((1 + (difference >= observed - 1e-12).sum()) / (1 + num_permutations)))
