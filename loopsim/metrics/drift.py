"""How far a metric has moved since the baseline, and what may be said of it (docs/metrics.md).

Two sources of noise count. *Items*: a paired bootstrap over evaluation items. *Retraining*: a model trained
again on the same data with another seed gives another value; K trained baselines tell how far. A verdict
needs an interval that excludes zero and a p-value that survives the correction for testing many rows at once.
"No evidence" is not evidence of no drift: see the interval's width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from scipy import stats

from loopsim.metrics.estimate import LEVEL, percentile_interval
from loopsim.metrics.reversal import Crossing, crossing, verdict_of_bias

FALSE_DISCOVERY_RATE = 0.05


@final
@dataclass(frozen=True)
class Drift:
    """Δ since the baseline with its 95 % interval, its two-sided p-value, and the half-width that retraining
    alone explains (None: no model in it).

    For a bias Δ = |m_g| - |m_0| and the verdict is "amplified", "mitigated", "reversed" or "no evidence"; for
    any other metric Δ = m_g - m_0 and it is "rose", "fell" or "no evidence". `adjusted_p`: the p-value as
    corrected for all rows of the report. `crossed`: the bias has another sign than before, and the p-value is
    that of the signed values' difference.
    """

    delta: float
    low: float
    high: float
    p_value: float
    retraining: float | None
    is_bias: bool
    verdict: str = "no evidence"
    adjusted_p: float | None = None
    crossed: Crossing | None = None


def with_sign(sizes: Drift | None, signed: Drift | None, start: float, end: float) -> Drift | None:
    """Return the drift of a bias's size, given that of its signed values: where the sign has changed it is
    tested by the latter.
    """
    if sizes is None or signed is None:
        return sizes
    crossed = crossing(start, end, signed.low, signed.high)
    return sizes if crossed is None else replace(sizes, p_value=signed.p_value, crossed=crossed)


def drift(
    value: float,
    replicates: np.ndarray,
    baselines: Sequence[float],
    baseline_replicates: np.ndarray,
    *,
    is_bias: bool,
    has_model: bool,
) -> Drift | None:
    """Return the drift of `value` (bootstrap replicates [B]) from K trained baselines (replicates [K, B]);
    None if no replicate is finite.

    Δ is taken from the mean baseline. The items' part of the interval is the basic (reverse percentile)
    bootstrap's, [2Δ - q_97.5, 2Δ - q_2.5] (Davison & Hinkley 1997, ch. 5): a gap, max - min, tends to grow
    when it is resampled, and the plain percentile interval would call that growth a drift. The retraining
    part is ± t_{K-1} s √(1 + 1/K), s² the variance over baselines. They are independent, so half-widths add
    in squares. The p-value is Student's, with Satterthwaite's degrees of freedom for the sum of both
    variances. `has_model` with K = 1 leaves retraining unknown.
    """
    size = np.abs if is_bias else np.asarray
    k = len(baselines)
    starts = size(np.asarray(baselines, np.float64))
    delta = float(size(value) - starts.mean())
    moved = size(replicates) - size(baseline_replicates).mean(0)
    variance = float(starts.var(ddof=1) * (1 + 1 / k)) if has_model and k > 1 else None
    found = _judged(delta, moved, variance, k, is_bias=is_bias)
    if not is_bias:
        return found
    signed = drift(value, replicates, baselines, baseline_replicates, is_bias=False, has_model=has_model)
    return with_sign(found, signed, float(np.mean(baselines)), value)


def _judged(
    delta: float, moved: np.ndarray, variance: float | None, k: int, *, is_bias: bool
) -> Drift | None:
    """Return a drift with its interval and p-value, of resampled ones [B] and the variance that retraining
    adds, measured over k trainings; None if it is not known, or no model is asked.
    """
    first, last = percentile_interval(moved)
    if first is None or last is None:
        return None
    added = variance or 0.0
    retraining = float(stats.t.ppf((1 + LEVEL) / 2, k - 1) * np.sqrt(added)) if k > 1 else 0.0
    low = delta - np.hypot(max(last - delta, 0.0), retraining)
    high = delta + np.hypot(max(delta - first, 0.0), retraining)
    total = float(np.nanvar(moved)) + added
    if total > 0:
        freedom = total**2 / (added**2 / max(k - 1, 1)) if added > 0 else np.inf
        p_value = float(2 * stats.t.sf(abs(delta) / np.sqrt(total), freedom))
    else:
        p_value = 1.0 if delta == 0 else 0.0
    known = None if variance is None else retraining
    return Drift(delta, float(low), float(high), p_value, known, is_bias)


def difference(
    value: float,
    replicates: np.ndarray,
    other: float,
    other_replicates: np.ndarray,
    baselines: Sequence[float],
    *,
    is_bias: bool,
    has_model: bool,
) -> Drift | None:
    """Return how far `value` of one run is from `other` of another, with bootstrap replicates [B] each;
    None if no replicate is finite.

    Runs of one seed resample the same items alike, so that their difference is paired; of other seeds it is
    that of independent sets. Each run's model was trained once: where one is asked, retraining adds
    ± t_{K-1} s √2, s the standard deviation over K `baselines` that were trained again. With fewer than two
    of them that noise is not known: the p-value is 1.
    """
    size = np.abs if is_bias else np.asarray
    k = len(baselines)
    delta = float(size(value) - size(other))
    moved = size(replicates) - size(other_replicates)
    again = size(np.asarray(baselines, np.float64))
    variance = float(2 * again.var(ddof=1)) if has_model and k > 1 else None
    found = _judged(delta, moved, variance, k, is_bias=is_bias)
    if found is not None and variance is None and has_model:
        found = replace(found, p_value=1.0)
    if not is_bias:
        return found
    signed = difference(
        value, replicates, other, other_replicates, baselines, is_bias=False, has_model=has_model
    )
    return with_sign(found, signed, other, value)


def drift_over_seeds(deltas: Sequence[float], *, is_bias: bool) -> Drift | None:
    """Return the drift over runs with different seeds, the seed being the unit: mean Δ with Student's
    interval; None for fewer than two. Deltas that are all equal say nothing of their noise: the p-value is 1.
    """
    values = np.asarray(deltas, np.float64)
    if len(values) < 2:
        return None
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * error
    delta = float(values.mean())
    p_value = float(2 * stats.t.sf(abs(delta) / error, len(values) - 1)) if np.ptp(values) > 0 else 1.0
    return Drift(delta, float(delta - half), float(delta + half), p_value, None, is_bias)


def with_verdicts(drifts: Sequence[Drift], rate: float = FALSE_DISCOVERY_RATE) -> list[Drift]:
    """Return drifts with their verdicts: at most a share `rate` of those that say something is expected to be
    false (Benjamini & Hochberg 1995).

    The correction is scipy's. A verdict needs both: the corrected p-value at most `rate`, and an interval
    without zero.
    """
    if not drifts:
        return []
    corrected = stats.false_discovery_control([d.p_value for d in drifts])
    return [
        replace(d, verdict=_verdict(d) if p <= rate else "no evidence", adjusted_p=float(p))
        for d, p in zip(drifts, corrected, strict=True)
    ]


def _verdict(d: Drift) -> str:
    if d.is_bias:
        return verdict_of_bias(d.low, d.high, d.crossed)
    return "rose" if d.low > 0 else "fell" if d.high < 0 else "no evidence"
