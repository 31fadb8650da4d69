"""Values with their uncertainty: a metric's estimate per group, an interval, and the bootstrap replicates that drift is judged by.

Resampling is paired by construction: the weights are a function of (seed, number of items) alone, so replicate b of every generation re-draws the
same evaluation items, and Δ's interval needs no more than a subtraction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

OVERALL = "overall"
LEVEL = 0.95


@final
@dataclass(frozen=True)
class Estimate:
    """One number that was measured: `value` on `n` items, its 95 % interval, and its bootstrap replicates [B] (float32).

    `value` is None, with a `reason`, where nothing can be said (no items). `is_bias`: larger |value| means more bias (gaps, errors).
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    replicates: np.ndarray | None = None
    is_bias: bool = False
    reason: str | None = None


Disaggregated = dict[str, Estimate]  # group -> estimate: "overall", "gender=woman", …, "gender gap"


def resampling_weights(num_items: int, num_resamples: int, seed: int) -> np.ndarray:
    """Return how often each item is drawn in each resample: float32 [num_resamples, num_items], rows summing to num_items."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.multinomial(num_items, np.full(num_items, 1 / num_items), size=num_resamples).astype(np.float32)


def percentile_interval(replicates: np.ndarray) -> tuple[float | None, float | None]:
    """Return the central 95 % of the finite replicates (None, None if there are none)."""
    finite = replicates[np.isfinite(replicates)]
    if len(finite) == 0:
        return None, None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def wilson_interval(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's score interval of a share (Wilson 1927), n >= 1."""
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def estimate(value: float, replicates: np.ndarray, n: int, *, is_bias: bool = False) -> Estimate:
    """Return an estimate whose interval is the percentile interval of its replicates."""
    low, high = percentile_interval(replicates)
    return Estimate(float(value), n, low, high, replicates.astype(np.float32), is_bias)


def by_group(
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray],
    groups: Mapping[str, Sequence[str]],
    values: Mapping[str, Sequence[str]],
    num_items: int,
    weights: np.ndarray,
    *,
    usable: np.ndarray | None = None,
    is_bias: bool = False,
) -> Disaggregated:
    """Return a statistic overall, for every group of every attribute, and each attribute's gap (max - min over its groups).

    `statistic(weights [b, n], mask [n])` returns [b] values of the items under the mask; `groups[attribute]` labels the items;
    `values[attribute]` lists the known labels; `usable` [n] leaves items out. An attribute's gap is a bias; `is_bias` says that the groups' own
    values are biases, too.
    """
    usable = np.ones(num_items, bool) if usable is None else usable
    ones = np.ones((1, num_items), np.float32)

    def one(mask: np.ndarray) -> Estimate:
        n = int(mask.sum())
        if n == 0:
            return Estimate(None, 0, reason="no items", is_bias=is_bias)
        return estimate(statistic(ones, mask)[0], statistic(weights, mask), n, is_bias=is_bias)

    results = {OVERALL: one(usable)}
    for attribute, known in values.items():
        labels = np.asarray(groups[attribute])
        members = {value: one(usable & (labels == value)) for value in known}
        results |= {f"{attribute}={value}": member for value, member in members.items()}
        results[f"{attribute} gap"] = gap(list(members.values()))
    return results


def gap(members: Sequence[Estimate]) -> Estimate:
    """Return max - min over groups, replicate by replicate; groups without a value are left out, and two are needed."""
    present = [m for m in members if m.value is not None and m.replicates is not None]
    if len(present) < 2:
        return Estimate(None, sum(m.n for m in members), is_bias=True, reason="fewer than two groups have items")
    points = [m.value for m in present if m.value is not None]
    replicates = np.stack([m.replicates for m in present if m.replicates is not None])
    return estimate(max(points) - min(points), replicates.max(0) - replicates.min(0), sum(m.n for m in present), is_bias=True)


def weighted_mean(scores: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the statistic "mean of per-item scores [n]", for `by_group`; a resample without any item of a group gives NaN."""

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        totals = weights[:, mask].sum(1)
        sums = weights[:, mask] @ scores[mask].astype(np.float32)
        return np.divide(sums, totals, out=np.full(len(weights), np.nan, np.float32), where=totals > 0)

    return statistic
