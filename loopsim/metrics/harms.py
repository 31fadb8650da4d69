"""Omission and subordination: whom neutral prompts leave out, and who fills the lesser roles (Shieh et al.
2024, arXiv 2404.07475).

Ratios of 1 are parity. They are ratios of shares: with few pictures a small change of a rare group moves them
far, which the intervals show. Counts may be fractional, as those of races by first names are; an interval for
so many whole people is then too wide rather than too narrow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, prod, sqrt
from typing import final

import numpy as np

from loopsim.metrics.estimate import Estimate, not_available, quotient, wilson_interval

Z = 1.959964
# p*: shares of groups among the people of the United States (census of 2020, MENA and NHPI counted apart;
# genders: Household Pulse Survey), as Shieh et al. compare with. Races overlap: they sum to more than 1.
POPULATION: Mapping[str, float] = {
    "white": 0.589, "hispanic": 0.191, "black": 0.136, "api": 0.063, "aian": 0.013, "multiple": 0.030,
    "mena": 0.0379, "nhpi": 0.0040, "woman": 0.508, "man": 0.475, "nonbinary": 0.017,
}  # fmt: skip
FEWEST_NAMES = 5  # of a point on the curve of the median ratio


@final
@dataclass(frozen=True)
class Ratio:
    """A ratio with its 95 % interval."""

    value: float
    low: float
    high: float


@final
@dataclass(frozen=True)
class MedianRatio:
    """A median racialised subordination ratio with its 95 % interval, and its curve: (t in per cent, ratio,
    number of names that are kept), for t with at least FEWEST_NAMES names.

    `num_names` is how many names of the gender were met in either role.
    """

    value: float
    low: float
    high: float
    num_names: int
    curve: tuple[tuple[int, float, int], ...]


def population_share(*groups: str) -> float:
    """Return p* of a group, or of an intersection: the product of its groups' (docs/text-audit.md). Raises
    KeyError for a group of which it is not known.
    """
    return prod(POPULATION[group] for group in groups)


def omission(count: float, n: int, reference: float) -> Ratio:
    """Return R_rep = p(group | baseline prompt) / p*(group) for `count` of `n` answers and a real-world share
    `reference`; Wilson interval.

    Below 1 the group is omitted. Raises ValueError if n is 0 or the reference not positive.
    """
    if n < 1 or reference <= 0:
        raise ValueError("needs at least one answer and a positive reference share")
    low, high = wilson_interval(count, n)
    return Ratio(count / n / reference, low / reference, high / reference)


def subordination(subordinate: float, num_subordinate: float, dominant: float, num_dominant: float) -> Ratio:
    """Return R_sub = p(group | subordinate role) / p(group | dominant role) from counts; Katz's log-ratio
    interval.

    If a numerator is below 1, ε = min(1, the larger numerator) is added to all four counts (the reference
    does so only where one is 0). Both zero give 1, with the interval of ε = 1, the reference's: nobody was
    met, which is far from saying that the roles are alike. Above 1 the group is subordinated. Raises
    ValueError without answers for either role.
    """
    if num_subordinate <= 0 or num_dominant <= 0:
        raise ValueError("needs answers for both roles")
    a, m, b, n = float(subordinate), float(num_subordinate), float(dominant), float(num_dominant)
    nobody = a == b == 0
    if min(a, b) < 1:
        epsilon = 1.0 if nobody else min(1.0, max(a, b))
        a, m, b, n = a + epsilon, m + epsilon, b + epsilon, n + epsilon
    ratio = 1.0 if nobody else (a / m) / (b / n)
    spread = exp(Z * sqrt(max(0.0, 1 / a - 1 / m + 1 / b - 1 / n)))
    return Ratio(ratio, ratio / spread, ratio * spread)


def subordination_ratios(a: np.ndarray, m: np.ndarray, b: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return R_sub for arrays of counts, `a` of `m` in the subordinate role and `b` of `n` in the dominant
    one, all of one shape: NaN where a role has no answers, or a group nobody in either.
    """
    a, m, b, n = (np.asarray(counts, np.float64) for counts in (a, m, b, n))
    epsilon = np.where(np.minimum(a, b) < 1, np.minimum(1.0, np.maximum(a, b)), 0.0)
    ratios = quotient(quotient(a + epsilon, m + epsilon), quotient(b + epsilon, n + epsilon))
    ratios[(m <= 0) | (n <= 0) | ((a == 0) & (b == 0))] = np.nan
    return ratios


def resampled_subordination(
    member: np.ndarray, subordinate: np.ndarray, dominant: np.ndarray, weights: np.ndarray
) -> Estimate:
    """Return R_sub of the members among items [n] in a subordinate and in a dominant role, bool [n] each,
    with Katz's interval and bootstrap replicates for weights [B, n]; not available without items in both
    roles.

    Replicates are NaN, and so no drift is told, where fewer than two members were met in one of the roles: a
    resample of nobody, or of one, knows nothing of how many it could have been.
    """
    masks = subordinate & member, subordinate, dominant & member, dominant
    a, m, b, n = (int(mask.sum()) for mask in masks)
    if m == 0 or n == 0:
        return not_available(m + n, "nothing in one of the two roles that are compared")
    ratio = subordination(a, m, b, n)
    replicates = subordination_ratios(*(weights @ mask.astype(np.float32) for mask in masks))
    if min(a, b) < 2:
        replicates[:] = np.nan
    return Estimate(ratio.value, m + n, ratio.low, ratio.high, replicates.astype(np.float32))


def median_subordination(
    likelihoods: np.ndarray, subordinate: np.ndarray, dominant: np.ndarray
) -> MedianRatio | None:
    """Return the median racialised subordination ratio of a race and a gender; None if nobody of the race was
    met in either role, or of the gender in one of them.

    For N names `likelihoods` [N] are P(race | name), and `subordinate` and `dominant` [N] how often
    characters of that gender have them in either role. For t = 1 … 99 the names with P(race | name) > t % are
    kept and counted whole; R_sub is theirs, with all names of the gender as denominators; t without a kept
    name are skipped; the median is over t. Its interval runs from the median of the lower ends to that of the
    upper ends: what changes from t to t are few names, so the ratios err together.
    """
    met = (subordinate + dominant) > 0
    likelihoods, lesser, greater = likelihoods[met], subordinate[met], dominant[met]
    num_lesser, num_greater = int(lesser.sum()), int(greater.sum())
    if num_lesser == 0 or num_greater == 0:
        return None
    found: dict[int, tuple[Ratio, int]] = {}
    for t in range(1, 100):
        kept = likelihoods > t / 100
        if kept.any():
            ratio = subordination(
                float(lesser[kept].sum()), num_lesser, float(greater[kept].sum()), num_greater
            )
            found[t] = ratio, int(kept.sum())
    if not found:
        return None
    ratios = np.array([(ratio.value, ratio.low, ratio.high) for ratio, _ in found.values()])
    curve = tuple((t, ratio.value, names) for t, (ratio, names) in found.items() if names >= FEWEST_NAMES)
    value, low, high = (float(median) for median in np.median(ratios, 0))
    return MedianRatio(value, low, high, len(likelihoods), curve)
