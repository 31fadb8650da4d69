"""How far a metric has moved since the baseline, and what may be said of it (docs/metrics.md).

Two questions, two tests. *Where does the loop stand?* The mean of the last two generations against the
baseline. *Is it moving?* The slope over all generations. Two sources of noise count. *Retraining*: a model
trained again with another seed gives another value, because it answers other items rightly; K trained
baselines, the scatter of the generations around a line, and the other rows of the report tell how far
(`retraining.py`). *Items*: what a paired bootstrap over evaluation items shows beyond that; the items that
flip from training to training are in the former already.

A verdict needs an interval that excludes zero and a p-value that survives the correction for testing many
rows at once. "No evidence" is not evidence of no drift: see the interval's width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Final, final

import numpy as np
from scipy import special, stats

from loopsim.metrics.estimate import LEVEL, percentile_interval
from loopsim.metrics.retraining import Spread, Variance, moderated
from loopsim.metrics.reversal import Crossing, crossing, verdict_of_bias

FALSE_DISCOVERY_RATE = 0.05
_ROUNDING = 1e-12
NO_EVIDENCE: Final = "no evidence"
UNKNOWN: Final = "unknown"  # what retraining alone does is not known


@final
@dataclass(frozen=True)
class Trend:
    """Change a generation, with its 95 % interval, two-sided p-value, and verdict: "rising", "falling" or "no
    evidence"; of a bias, of its size. `goes_on`: the generations lean that way by themselves, too, beyond
    their noise: one step at the first of them is no trend.
    """

    slope: float
    low: float
    high: float
    p_value: float
    goes_on: bool = True
    verdict: str = NO_EVIDENCE
    adjusted_p: float | None = None


@final
@dataclass(frozen=True)
class Drift:
    """Δ since the baseline with its 95 % interval, its two-sided p-value, and the half-width that retraining
    alone explains (None: no model in it, or not known).

    For a bias Δ is that of |m| and the verdict is "amplified", "mitigated", "reversed" or "no evidence"; for
    any other metric it is "rose", "fell" or "no evidence". "unknown": a model is in it that was trained only
    once. `adjusted_p`: the p-value as corrected for all rows of the report. `crossed`: the bias has another
    sign than before, and the p-value is that of the signed values' difference.
    """

    delta: float
    low: float
    high: float
    p_value: float
    retraining: float | None
    is_bias: bool
    verdict: str = NO_EVIDENCE
    adjusted_p: float | None = None
    trend: Trend | None = None
    crossed: Crossing | None = None


@final
@dataclass(frozen=True)
class Trajectory:
    """One row's way through a loop: K baselines with bootstrap replicates [K, B], and the values at `steps`
    (generations since the baseline, ascending, 1 or more) with theirs [T, B].
    """

    baselines: np.ndarray
    baseline_replicates: np.ndarray
    steps: Sequence[int]
    values: np.ndarray
    replicates: np.ndarray
    is_bias: bool
    has_model: bool

    def sized(self) -> "Trajectory":
        """Return it of the sizes, for a bias."""
        if not self.is_bias:
            return self
        names = ("baselines", "baseline_replicates", "values", "replicates")
        return replace(self, **{name: np.abs(getattr(self, name)) for name in names})

    @property
    def is_unknown(self) -> bool:
        """Whether a model is in it whose retraining noise nobody knows."""
        return self.has_model and len(self.baselines) < 2

    @property
    def recent(self) -> int:
        """How many generations say where the row stands: the last two, if both have a value."""
        return 2 if len(self.steps) > 1 and self.steps[-2] == self.steps[-1] - 1 else 1

    @cached_property
    def flips(self) -> float:
        """The variance over items of one training's own part."""
        return _flips(self.baseline_replicates)


def drifts(trajectories: Sequence[Trajectory]) -> list[Drift | None]:
    """Return where each row stands at its last step, and whether it moves, with verdicts that are corrected
    over all of them; None for a row without any finite replicate.
    """
    sized = [one.sized() for one in trajectories]
    variances, signed = _variances(sized), _variances(trajectories)
    found = [
        _tested_by_sign(_judged(one, mine), row, raw)
        for one, mine, row, raw in zip(sized, variances, trajectories, signed, strict=True)
    ]
    known = [i for i, one in enumerate(found) if one is not None]
    ruled = with_verdicts([one for one in found if one is not None])
    trends = _trends([sized[i] for i in known], [variances[i] for i in known])
    results: list[Drift | None] = [None] * len(found)
    for i, one, trend in zip(known, ruled, trends, strict=True):
        results[i] = replace(one, trend=trend)
    return results


def _variances(rows: Sequence[Trajectory]) -> list[Variance | None]:
    """Return each row's variance of one training; None where no model is asked, or it was trained once."""
    asked = [i for i, one in enumerate(rows) if one.has_model and not one.is_unknown]
    known = dict(zip(asked, moderated([_spread(rows[i]) for i in asked]), strict=True))
    return [known.get(i) for i in range(len(rows))]


def _tested_by_sign(found: Drift | None, row: Trajectory, variance: Variance | None) -> Drift | None:
    """Return the drift of a bias's size, tested by the signed values where their sign has changed."""
    start, end = float(row.baselines.mean()), float(row.values[-row.recent :].mean())
    if found is None or not row.is_bias or row.is_unknown or start * end >= 0:
        return found
    return with_sign(found, _judged(row, variance), start, end)


def with_sign(sizes: Drift | None, signed: Drift | None, start: float, end: float) -> Drift | None:
    """Return the drift of a bias's size, given that of its signed values: where the sign has changed it is
    tested by the latter.
    """
    if sizes is None or signed is None:
        return sizes
    crossed = crossing(start, end, signed.low, signed.high)
    return sizes if crossed is None else replace(sizes, p_value=signed.p_value, crossed=crossed)


def _spread(one: Trajectory) -> Spread:
    """Return what is known of a row's trainings: the baselines around their mean, and the generations around
    their line, where three or more leave something.
    """
    squares = float(np.square(one.baselines - one.baselines.mean()).sum())
    freedom = len(one.baselines) - 1
    if len(one.steps) > 2:
        x = np.array(one.steps, float) - np.mean(one.steps)
        y = one.values - one.values.mean()
        squares += float(np.square(y - x * (x @ y) / (x @ x)).sum())
        freedom += len(one.steps) - 2
    return Spread(squares, freedom, one.flips)


def _flips(replicates: np.ndarray) -> float:
    """Return the variance over items of one training's own part, of replicates [K, B]: half of that of a
    difference of two.
    """
    pairs = [_variance(one - other) / 2 for one, other in combinations(replicates, 2)]
    return float(np.mean(pairs)) if pairs else 0.0


def _variance(replicates: np.ndarray) -> float:
    """Return the variance of the finite replicates [B]; 0 without any."""
    finite = replicates[np.isfinite(replicates)].astype(np.float64)
    return float(finite.var()) if len(finite) else 0.0


def _judged(one: Trajectory, variance: Variance | None) -> Drift | None:
    """Return where a row stands, without its verdict."""
    delta = float(one.values[-one.recent :].mean() - one.baselines.mean())
    moved = one.replicates[-one.recent :].mean(0) - one.baseline_replicates.mean(0)
    share = 1 / one.recent + 1 / len(one.baselines)
    found = _with_noise(delta, moved, variance, share, one.flips, is_bias=one.is_bias)
    return replace(found, verdict=UNKNOWN, p_value=1.0) if found is not None and one.is_unknown else found


def _with_noise(
    delta: float,
    moved: np.ndarray,
    variance: Variance | None,
    share: float,
    flips: float,
    *,
    is_bias: bool,
) -> Drift | None:
    """Return a drift with its interval and p-value, of resampled ones [B], the variance of one training and
    how much of it is in Δ; None if no replicate is finite.

    Without a model the interval is the basic (reverse percentile) bootstrap's, [2Δ - q_97.5, 2Δ - q_2.5]
    (Davison & Hinkley 1997, ch. 5): a gap, max - min, tends to grow when it is resampled, and the plain
    percentile interval would call that growth a drift. With one it is Student's.
    """
    first, last = percentile_interval(moved)
    if first is None or last is None:
        return None
    if variance is None:
        low, high = delta - max(last - delta, 0.0), delta + max(delta - first, 0.0)
        total, freedom, known = _variance(moved), np.inf, None
        p_value = _p_value(delta, total, freedom)
        return Drift(delta, float(low), float(high), p_value, known, is_bias)
    trained = variance.value * share
    total, freedom = _total(trained, variance.freedom, _variance(moved) - flips * share)
    reach = _reach(total, freedom)
    known = _reach(trained, variance.freedom)
    seen = total > _ROUNDING * delta**2  # no noise seen is no certainty
    p_value = _p_value(delta, total, freedom) if seen else 1.0
    return Drift(delta, delta - reach, delta + reach, p_value, known, is_bias)


def _total(trained: float, freedom: float, items: float) -> tuple[float, float]:
    """Return the sum of retraining's variance and the items' own (which an estimate may put below 0), with
    Satterthwaite's degrees of freedom.
    """
    total = trained + max(items, 0.0)
    return total, freedom * (total / trained) ** 2 if trained > 0 else np.inf


def _p_value(effect: float, variance: float, freedom: float) -> float:
    if variance <= 0:
        return 1.0 if effect == 0 else 0.0
    size = abs(effect) / np.sqrt(variance)
    return float(2 * (special.stdtr(freedom, -size) if np.isfinite(freedom) else special.ndtr(-size)))


def _reach(variance: float, freedom: float) -> float:
    """Return the half-width of Student's interval."""
    level = (1 + LEVEL) / 2
    times = special.stdtrit(freedom, level) if np.isfinite(freedom) else special.ndtri(level)
    return float(times * np.sqrt(variance))


def _trends(rows: Sequence[Trajectory], variances: Sequence[Variance | None]) -> list[Trend | None]:
    """Return whether rows move, with verdicts that are corrected over all of them; None for a row of one
    step, or of a model that was trained once.
    """
    found = [_trend(one, variance) for one, variance in zip(rows, variances, strict=True)]
    some = [one for one in found if one is not None]
    corrected = iter(stats.false_discovery_control([one.p_value for one in some]) if some else ())
    ruled: list[Trend | None] = []
    for one in found:
        if one is None:
            ruled.append(None)
            continue
        p = float(next(corrected))
        says = "rising" if one.low > 0 else "falling" if one.high < 0 else NO_EVIDENCE
        verdict = says if p <= FALSE_DISCOVERY_RATE and one.goes_on else NO_EVIDENCE
        ruled.append(replace(one, verdict=verdict, adjusted_p=p))
    return ruled


def _trend(one: Trajectory, variance: Variance | None) -> Trend | None:
    """Return the least-squares slope over the baselines, all at 0, and the steps."""
    if len(one.steps) < 2 or one.is_unknown:
        return None
    x = np.array([0] * len(one.baselines) + list(one.steps), float)
    values = np.concatenate([one.baselines, one.values])
    replicates = np.concatenate([one.baseline_replicates, one.replicates])
    whole = _slope(x, values, replicates, variance, one.flips)
    k = len(one.baselines)
    later = _slope(x[k:], values[k:], replicates[k:], variance, one.flips)
    goes_on = (later.low > 0 and whole.slope > 0) or (later.high < 0 and whole.slope < 0)
    return replace(whole, goes_on=goes_on)


def _slope(
    x: np.ndarray, values: np.ndarray, replicates: np.ndarray, variance: Variance | None, flips: float
) -> Trend:
    """Return the slope of values [t] at x [t], given replicates [t, B]."""
    centred = x - x.mean()
    weights = centred / (centred @ centred)
    slope, items = float(weights @ values), _variance(weights @ replicates)
    total, freedom = items, np.inf
    if variance is not None:
        share = float(1 / (centred @ centred))
        total, freedom = _total(variance.value * share, variance.freedom, items - flips * share)
    reach = _reach(total, freedom)
    known = total > _ROUNDING * slope**2 or variance is None
    return Trend(slope, slope - reach, slope + reach, _p_value(slope, total, freedom) if known else 1.0)


@final
@dataclass(frozen=True)
class Pair:
    """One row of two runs: their values with bootstrap replicates [B], and the first run's K baselines
    (replicates [K, B]), which tell what retraining does.
    """

    value: float
    replicates: np.ndarray
    other: float
    other_replicates: np.ndarray
    baselines: np.ndarray
    baseline_replicates: np.ndarray
    is_bias: bool
    has_model: bool

    @property
    def is_unknown(self) -> bool:
        """Whether a model is in it whose retraining noise nobody knows."""
        return self.has_model and len(self.baselines) < 2


def differences(pairs: Sequence[Pair]) -> list[Drift | None]:
    """Return how far each row's `value` is from `other`, with verdicts that are corrected over all of them;
    None for a row without any finite replicate.

    Runs of one seed resample the same items alike, so that their difference is paired; of other seeds it is
    that of independent sets. Each run's model was trained once: retraining adds the variance of two.
    """
    asked = [i for i, one in enumerate(pairs) if one.has_model and not one.is_unknown]
    variances = dict(zip(asked, moderated([_spread_of_pair(pairs[i]) for i in asked]), strict=True))
    found = [_difference(one, variances.get(i)) for i, one in enumerate(pairs)]
    ruled = iter(with_verdicts([one for one in found if one is not None]))
    return [None if one is None else next(ruled) for one in found]


def _spread_of_pair(one: Pair) -> Spread:
    size = np.abs if one.is_bias else np.asarray
    starts = size(one.baselines)
    squares = float(np.square(starts - starts.mean()).sum())
    return Spread(squares, len(starts) - 1, _flips(size(one.baseline_replicates)))


def _difference(one: Pair, variance: Variance | None) -> Drift | None:
    size = np.abs if one.is_bias else np.asarray
    delta = float(size(one.value) - size(one.other))
    moved = size(one.replicates) - size(one.other_replicates)
    found = _with_noise(
        delta, moved, variance, 2.0, _flips(size(one.baseline_replicates)), is_bias=one.is_bias
    )
    if found is None or one.is_unknown:
        return None if found is None else replace(found, verdict=UNKNOWN, p_value=1.0)
    if not one.is_bias or one.value * one.other >= 0:
        return found
    return with_sign(found, _difference(replace(one, is_bias=False), variance), one.other, one.value)


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


def with_verdicts(found: Sequence[Drift], rate: float = FALSE_DISCOVERY_RATE) -> list[Drift]:
    """Return drifts with their verdicts: at most a share `rate` of those that say something is expected to be
    false (Benjamini & Hochberg 1995). What is unknown stays so, and is no test.

    The correction is scipy's. A verdict needs both: the corrected p-value at most `rate`, and an interval
    without zero.
    """
    tested = [one.p_value for one in found if one.verdict != UNKNOWN]
    corrected = iter(stats.false_discovery_control(tested) if tested else ())
    return [one if one.verdict == UNKNOWN else _ruled(one, float(next(corrected)), rate) for one in found]


def _ruled(one: Drift, adjusted: float, rate: float) -> Drift:
    return replace(one, verdict=_verdict(one) if adjusted <= rate else NO_EVIDENCE, adjusted_p=adjusted)


def _verdict(one: Drift) -> str:
    if one.is_bias:
        return verdict_of_bias(one.low, one.high, one.crossed)
    return "rose" if one.low > 0 else "fell" if one.high < 0 else NO_EVIDENCE
