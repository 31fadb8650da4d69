"""How well a detector tells synthetic pictures from real ones, and whose real pictures it mistakes.

Scores are the higher the more synthetic a picture looks.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from loopsim.metrics.estimate import wilson_interval

Interval = tuple[float, float, float]  # value, low, high


def auc(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the area under the ROC curve of scores [n] and [m], ties counted as halves: how likely a
    synthetic picture has a higher score than a real one (Mann and Whitney's U / nm).
    """
    ranks = rankdata(np.concatenate([real, synthetic]))[len(real) :]
    return float((ranks.sum() - len(synthetic) * (len(synthetic) + 1) / 2) / (len(real) * len(synthetic)))


def threshold_at(real: np.ndarray, rate: float) -> float:
    """Return the lowest score that at most a share `rate` of real pictures' scores [n], n >= 1, exceeds."""
    allowed = int(np.floor(rate * len(real) + 1e-9))
    return float(np.sort(real)[len(real) - 1 - min(allowed, len(real) - 1)])


def share_above(scores: np.ndarray, threshold: float) -> Interval:
    """Return the share of scores [n], n >= 1, above a threshold, with Wilson's 95 % interval."""
    found = int((scores > threshold).sum())
    return found / len(scores), *wilson_interval(found, len(scores))


def share_above_by_group(
    scores: np.ndarray, threshold: float, groups: Sequence[Mapping[str, str]]
) -> dict[str, Interval]:
    """Return the same for each group that a picture's labels (attribute -> value) name: every value, and, of
    gender and skin tone, their intersections (`man & darker`).
    """
    members: dict[str, list[int]] = {}
    for position, labels in enumerate(groups):
        named = [labels[name] for name in ("gender", "skin_tone") if name in labels]
        names = [*named, " & ".join(named)] if len(named) > 1 else named
        for name in names:
            members.setdefault(name, []).append(position)
    return {name: share_above(scores[rows], threshold) for name, rows in sorted(members.items())}
