"""Omission and subordination: whom neutral prompts leave out, and who fills the lesser roles (Shieh et al.
2024; METRICS.md §2).

Ratios of 1 are parity. They are ratios of shares: with few pictures a small change of a rare group moves them
far, which the intervals show.
"""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import final

from loopsim.metrics.estimate import wilson_interval

Z = 1.959964


@final
@dataclass(frozen=True)
class Ratio:
    """A ratio with its 95 % interval."""

    value: float
    low: float
    high: float


def omission(count: int, n: int, reference: float) -> Ratio:
    """Return R_rep = p(group | baseline prompt) / p*(group) for `count` of `n` answers and a real-world share
    `reference`; Wilson interval.

    Below 1 the group is omitted. Raises ValueError if n is 0 or the reference not positive.
    """
    if n < 1 or reference <= 0:
        raise ValueError("needs at least one answer and a positive reference share")
    low, high = wilson_interval(count, n)
    return Ratio(count / n / reference, low / reference, high / reference)


def subordination(subordinate: int, num_subordinate: int, dominant: int, num_dominant: int) -> Ratio:
    """Return R_sub = p(group | subordinate role) / p(group | dominant role) from counts; Katz's log-ratio
    interval.

    If a numerator is below 1, ε = min(1, the larger numerator) is added to all four counts; both zero give 1
    with the interval [1, 1]. Above 1 the group is subordinated. Raises ValueError without answers for either
    role.
    """
    if num_subordinate < 1 or num_dominant < 1:
        raise ValueError("needs answers for both roles")
    if subordinate == dominant == 0:
        return Ratio(1.0, 1.0, 1.0)
    a, m, b, n = float(subordinate), float(num_subordinate), float(dominant), float(num_dominant)
    if min(a, b) < 1:
        epsilon = min(1.0, max(a, b))
        a, m, b, n = a + epsilon, m + epsilon, b + epsilon, n + epsilon
    ratio = (a / m) / (b / n)
    spread = exp(Z * sqrt(max(0.0, 1 / a - 1 / m + 1 / b - 1 / n)))
    return Ratio(exp(log(ratio)), ratio / spread, ratio * spread)
