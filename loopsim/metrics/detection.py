"""How well synthetic pictures are told from real ones, and whose real pictures are taken for synthetic.

A detector gives every picture a score, larger where it looks more synthetic; a picture is flagged if its
score lies above a threshold.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from loopsim.metrics.estimate import OVERALL, Disaggregated, Estimate, not_available, wilson_interval


def auc(real: np.ndarray, synthetic: np.ndarray) -> float | None:
    """Return the area under the ROC curve: the share of pairs in which the synthetic picture has the higher
    score than the real one, ties counting half (Mann and Whitney 1947). None without a pair.

    `real` [n] and `synthetic` [m] are scores.
    """
    n, m = len(real), len(synthetic)
    if n == 0 or m == 0:
        return None
    ranks = rankdata(np.concatenate([real, synthetic]))
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def threshold_at(real: np.ndarray, fpr: float) -> float:
    """Return the lowest threshold above which at most the share `fpr` of the real pictures' scores [n] lies.

    It is one of the scores: with fewer than 1 / fpr real pictures the highest, so that none is flagged.
    """
    allowed = math.floor(fpr * len(real) + 1e-9)  # 0.07 * 100 is 7.000000000000001, 0.29 * 100 below 29
    return float(np.sort(real)[::-1][min(allowed, len(real) - 1)])


def tpr_at(real: np.ndarray, synthetic: np.ndarray, fpr: float) -> float | None:
    """Return the share of synthetic pictures that are flagged where at most the share `fpr` of the real ones
    is. None if there are none of either.
    """
    if len(real) == 0 or len(synthetic) == 0:
        return None
    return float((synthetic > threshold_at(real, fpr)).mean())


def flagged_share(
    flagged: np.ndarray, groups: Mapping[str, Sequence[str]], values: Mapping[str, Sequence[str]]
) -> Disaggregated:
    """Return the share of pictures that are flagged [n], overall and for each group, with Wilson's interval:
    of real pictures it is the false-positive rate, of synthetic ones the true-positive rate.

    `groups[attribute]` labels the pictures, `values[attribute]` lists the known labels. A group without a
    picture is not available.
    """
    found = Disaggregated({OVERALL: _share(flagged)})
    for attribute, known in values.items():
        labels = np.asarray(groups[attribute], dtype=object)
        found |= {f"{attribute}={value}": _share(flagged[labels == value]) for value in known}
    return found


def _share(flagged: np.ndarray) -> Estimate:
    n, count = len(flagged), int(flagged.sum())
    if n == 0:
        return not_available(0, "no items")
    low, high = wilson_interval(count, n)
    return Estimate(count / n, n, low, high)
