"""Values with their uncertainty: a metric's estimate per group, an interval, and the bootstrap replicates
that drift is judged by.

Resampling is paired by construction: the weights are a function of (seed, number of items) alone, so
replicate b of every generation re-draws the same evaluation items, and Δ's interval needs no more than a
subtraction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import final

import numpy as np

OVERALL = "overall"
LEVEL = 0.95


@final
@dataclass(frozen=True)
class Estimate:
    """One number that was measured: `value` on `n` items, its 95 % interval, and its bootstrap replicates [B]
    (float32).

    `value` is None, with a `reason`, where nothing can be said (no items). `is_bias`: larger |value| means
    more bias (gaps, errors).
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    replicates: np.ndarray | None = None
    is_bias: bool = False
    reason: str | None = None


@final
class Disaggregated(dict[str, Estimate]):
    """Estimates by group: "overall", "gender=woman", …, "gender gap"; intersections are attributes of their
    own, "gender & skin_tone".
    """

    @property
    def overall(self) -> Estimate:
        """The estimate over all items."""
        return self[OVERALL]

    @property
    def n(self) -> int:
        """The number of items used."""
        return self.overall.n

    def by_group(self, attribute: str) -> dict[str, Estimate]:
        """Return the estimate of each of an attribute's groups."""
        return {
            group.removeprefix(f"{attribute}="): e
            for group, e in self.items()
            if group.startswith(f"{attribute}=")
        }

    def difference(self, attribute: str) -> float | None:
        """Return max - min over an attribute's groups, None if fewer than two have a value."""
        values = self._values(attribute)
        return max(values) - min(values) if len(values) > 1 else None

    def ratio(self, attribute: str) -> float | None:
        """Return min / max over an attribute's groups, None if fewer than two have a value or the largest is
        not positive.
        """
        values = self._values(attribute)
        return min(values) / max(values) if len(values) > 1 and max(values) > 0 else None

    def _values(self, attribute: str) -> list[float]:
        return [e.value for e in self.by_group(attribute).values() if e.value is not None]


Statistic = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # (weights [b, n], mask [n]) -> the value of the items under the mask, [b]


def quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, broadcast: NaN where the denominator is not positive, as for a group
    that a resample lacks.
    """
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    found = np.full(shape, np.nan, np.result_type(numerator, denominator, np.float32))
    np.divide(numerator, denominator, out=found, where=denominator > 0)
    return found


def with_intersections(
    groups: Mapping[str, Sequence[str]], values: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Return the labels and the known values of the attributes, and of the intersection of each two of them
    ("gender & skin_tone").
    """
    labels, known = dict(groups), dict(values)
    for first, second in combinations(values, 2):
        labels[f"{first} & {second}"] = [
            f"{a} & {b}" for a, b in zip(groups[first], groups[second], strict=True)
        ]
        known[f"{first} & {second}"] = [f"{a} & {b}" for a, b in product(values[first], values[second])]
    return labels, known


def resampling_weights(num_items: int, num_resamples: int, seed: int) -> np.ndarray:
    """Return how often each item is drawn in each resample: float32 [num_resamples, num_items], rows summing
    to num_items.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = (
        rng.integers(num_items, size=(num_resamples, num_items))
        + num_items * np.arange(num_resamples)[:, None]
    )
    return (
        np.bincount(drawn.ravel(), minlength=num_resamples * num_items)
        .reshape(num_resamples, num_items)
        .astype(np.float32)
    )


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
    # p itself is in it, also where rounding at 0 and 1 says otherwise.
    return min(p, max(0.0, float(centre - half))), max(p, min(1.0, float(centre + half)))


def not_available(n: int, reason: str, *, is_bias: bool = False) -> Estimate:
    """Return the estimate of what cannot be said, with the reason."""
    return Estimate(None, n, is_bias=is_bias, reason=reason)


def estimate(value: float, replicates: np.ndarray, n: int, *, is_bias: bool = False) -> Estimate:
    """Return an estimate whose interval is the percentile interval of its replicates; a value that is not
    finite is not available.
    """
    if not np.isfinite(value):
        return not_available(n, "the inputs hold NaN or infinite numbers", is_bias=is_bias)
    low, high = percentile_interval(replicates)
    return Estimate(float(value), n, low, high, replicates.astype(np.float32), is_bias)


def recentred(replicates: np.ndarray, value: float) -> np.ndarray:
    """Return replicates moved by a constant, so that the mean of the finite ones is `value`."""
    finite = replicates[np.isfinite(replicates)]
    return replicates + (value - float(finite.mean(dtype=np.float64))) if len(finite) else replicates


def recentred_estimate(
    value: float,
    replicates: np.ndarray,
    n: int,
    *,
    is_bias: bool = False,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """Return the estimate of a statistic that resampling itself moves, as a gap, which grows: its interval is
    the percentile interval of its replicates after they are recentred, within the statistic's bounds.

    It says how far the value would be from this one with other items, as many; the plain interval may lie
    beside its own value. The replicates stay as they are: drift takes their growth out itself.
    """
    found = estimate(value, replicates, n, is_bias=is_bias)
    if found.value is None or found.low is None:
        return found
    low, high = percentile_interval(recentred(replicates, value))
    assert low is not None
    assert high is not None
    return replace(found, low=max(low, bounds[0]), high=min(high, bounds[1]))


def evaluated(
    statistic: Statistic, mask: np.ndarray, weights: np.ndarray, *, is_bias: bool = False, at_least: int = 2
) -> Estimate:
    """Return a statistic of the items under a mask [n], with its bootstrap replicates; not available below
    `at_least` items.
    """
    n = int(mask.sum())
    if n < at_least:
        return not_available(n, "no items" if n == 0 else f"fewer than {at_least} items", is_bias=is_bias)
    value = statistic(np.ones((1, len(mask)), np.float32), mask)[0]
    return estimate(value, statistic(weights, mask), n, is_bias=is_bias)


def by_group(
    statistic: Statistic,
    groups: Mapping[str, Sequence[str]],
    values: Mapping[str, Sequence[str]],
    num_items: int,
    weights: np.ndarray,
    *,
    usable: np.ndarray | None = None,
    is_bias: bool = False,
) -> Disaggregated:
    """Return a statistic overall, for every group of every attribute, and each attribute's gap (max - min
    over its groups).

    `groups[attribute]` labels the items; `values[attribute]` lists the known labels; `usable` [n] leaves
    items out. An attribute's gap is a bias; `is_bias` says that the groups' own values are biases, too. A
    group with fewer than two items is not available.
    """
    usable = np.ones(num_items, bool) if usable is None else usable
    results = Disaggregated({OVERALL: evaluated(statistic, usable, weights, is_bias=is_bias)})
    for attribute, known in values.items():
        labels = np.asarray(groups[attribute])
        members = {
            value: evaluated(statistic, usable & (labels == value), weights, is_bias=is_bias)
            for value in known
        }
        results |= {f"{attribute}={value}": member for value, member in members.items()}
        results[f"{attribute} gap"] = gap(list(members.values()))
    return results


def gap(members: Sequence[Estimate], num_items: int | None = None) -> Estimate:
    """Return max - min over groups, replicate by replicate; groups without a value are left out, and two are
    needed.

    `num_items` says of how many items the groups are shares; by default each item belongs to one group.
    """
    present = [m for m in members if m.value is not None and m.replicates is not None]
    if len(present) < 2:
        n = sum(m.n for m in members) if num_items is None else num_items
        return not_available(n, "fewer than two groups can be measured", is_bias=True)
    n = sum(m.n for m in present) if num_items is None else num_items
    points = [m.value for m in present if m.value is not None]
    replicates = np.stack([m.replicates for m in present if m.replicates is not None])
    return recentred_estimate(
        max(points) - min(points), replicates.max(0) - replicates.min(0), n, is_bias=True, bounds=(0, np.inf)
    )


def weighted_mean(scores: np.ndarray) -> Statistic:
    """Return the statistic "mean of per-item scores [n]"; a resample without any item of a group gives
    NaN.
    """

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return quotient(weights[:, mask] @ scores[mask].astype(np.float32), weights[:, mask].sum(1))

    return statistic


def ratio_of_sums(sums: np.ndarray, counts: np.ndarray) -> Statistic:
    """Return the statistic "Σ sums / Σ counts" of items [n] that hold several things each, as a picture its
    captions: the mean over those things, while the item is what is resampled.
    """

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w = weights[:, mask]
        return quotient(w @ sums[mask].astype(np.float32), w @ counts[mask].astype(np.float32))

    return statistic


def of_sums(counts: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> Statistic:
    """Return the statistic "score of the sums of the items' counts [n, k]", for scores of a corpus that are
    no mean over items; a resample without any item of a group gives NaN.
    """

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        drawn = weights[:, mask].astype(np.float64)
        return np.where(drawn.sum(1) > 0, score(drawn @ counts[mask]), np.nan)

    return statistic
