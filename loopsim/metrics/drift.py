"""How far a metric has moved since generation 0, and what may be said of it (METRICS.md §4, without the retraining term yet)."""

from dataclasses import dataclass
from typing import final

import numpy as np

from loopsim.metrics.estimate import percentile_interval


@final
@dataclass(frozen=True)
class Drift:
    """Δ since generation 0 with its 95 % bootstrap interval over items.

    For a bias Δ = |m_g| - |m_0| and the verdict is "amplified", "mitigated" or "no evidence"; for any other metric Δ = m_g - m_0 and it is "rose",
    "fell" or "no evidence".
    """

    delta: float
    low: float
    high: float
    verdict: str


def drift(value: float, baseline: float, replicates: np.ndarray, baseline_replicates: np.ndarray, *, is_bias: bool) -> Drift | None:
    """Return the drift from `baseline` to `value`, judged by paired replicates [B]; None if no replicate is finite.

    The interval is the basic (reverse percentile) bootstrap's, [2Δ - q_97.5, 2Δ - q_2.5] (Davison & Hinkley 1997, ch. 5). A gap, max - min,
    tends to grow when it is resampled; the plain percentile interval would call that growth a drift.
    """
    size = np.abs if is_bias else np.asarray
    first, last = percentile_interval(size(replicates) - size(baseline_replicates))
    if first is None or last is None:
        return None
    delta = float(size(value) - size(baseline))
    low, high = 2 * delta - last, 2 * delta - first
    up, down = ("amplified", "mitigated") if is_bias else ("rose", "fell")
    verdict = up if low > 0 else down if high < 0 else "no evidence"
    return Drift(delta, low, high, verdict)
