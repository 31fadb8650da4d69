"""A classifier's errors on labelled pictures, and shares that are corrected for them.

The correction solves p_observed = C·p with C[observed, true] = P(observed | true): it undoes known confusions
between groups, but not errors that only generated pictures provoke. C was measured on so many pictures and no
more: its own error is part of a corrected share's interval. A classifier that abstains overlooks some groups
more often than others: that is corrected, too. What it takes for a person and is none is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

MOST_AMPLIFIED = 10  # times an error in observed shares, by the correction


@final
@dataclass(frozen=True)
class Confusion:
    """How often labelled pictures of each group were seen as which: `counts[observed][true]`, where every
    group occurs; of a classifier that abstains a last row says how often it did. Raises ValueError otherwise.
    """

    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        counts = np.array(self.counts)
        if (
            counts.ndim != 2
            or len(counts) - counts.shape[1] not in (0, 1)
            or (counts < 0).any()
            or not counts.sum(0).all()
        ):
            raise ValueError(
                f"{self.counts} are no counts of k groups seen as k groups, each of them present"
            )

    @classmethod
    def of(cls, counts: "np.ndarray | Sequence[Sequence[int]]") -> "Confusion":
        """Return it of any table of numbers [observed, true]."""
        return cls(tuple(tuple(int(n) for n in row) for row in counts))

    @property
    def n(self) -> int:
        """The number of labelled pictures."""
        return int(np.sum(self.counts))

    @property
    def seen(self) -> tuple[tuple[int, ...], ...]:
        """The counts [observed][true] of the pictures that got a label."""
        return self.counts[: len(self.counts[0])]

    @property
    def abstained(self) -> tuple[int, ...] | None:
        """How many pictures of each group got no label; None of a classifier that gives all of them one."""
        return self.counts[-1] if len(self.counts) > len(self.counts[0]) else None

    @cached_property
    def rates(self) -> np.ndarray:
        """C[observed, true], with the last row where there is one: each column sums to 1."""
        counts = np.array(self.counts, float)
        shares: np.ndarray = counts / counts.sum(0)
        return shares

    def draws(self, num: int) -> np.ndarray:
        """Return matrices [num, observed, true] that these counts leave possible.

        Each column is drawn from its posterior under Perks' prior (1 / rows in each cell). The same counts
        give the same draws: the error of the ruler is shared by all generations, and Δ does not count it
        twice.
        """
        counts = np.array(self.counts, float)
        rng = np.random.Generator(np.random.PCG64(0))
        drawn = rng.standard_gamma(counts + 1 / len(counts), size=(num, *counts.shape))
        shares: np.ndarray = drawn / drawn.sum(1, keepdims=True)
        return shares

    @property
    def trouble(self) -> str | None:
        """Why shares cannot be corrected; None if they can.

        A group that is seen as another one more often than as itself, or an inverse that makes more than ten
        of an error of one, gives shares that are nothing but the simplex's corners: certainty that nobody
        has. So does a group that hardly ever gets a label.
        """
        labelled = 1 - self.rates[-1] if self.abstained is not None else np.ones(len(self.counts))
        if labelled.min() <= labelled.max() / MOST_AMPLIFIED:
            return f"the classifier gives one of these groups hardly ever a label ({labelled.min():.0%})"
        rates, _ = _of_labelled(self.rates)
        own = np.diag(rates)
        others = rates - np.diag(np.full(len(own), np.inf))
        inverse = np.linalg.pinv(rates) * (labelled.max() / labelled)[:, None]
        amplified = np.abs(inverse).sum(0).max()
        if (own > others.max(0)).all() and amplified <= MOST_AMPLIFIED:
            return None
        return f"the classifier cannot tell these groups apart (worst row {own.min():.2f})"


def _of_labelled(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return C[observed, true] of the pictures that got a label, [..., k, k], and each group's share of them,
    [..., k].
    """
    k = rates.shape[-1]
    if rates.shape[-2] == k:
        return rates, np.ones(k)
    seen = rates[..., :k, :]
    labelled = seen.sum(-2)
    return seen / labelled[..., None, :], labelled


def corrected_shares(observed: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return p with observed = C·p, put onto the simplex, for shares [..., k] observed among labelled
    pictures and C[observed, true], one for all or one for each, [..., k, k] (columns sum to 1).

    With a row more, [..., k + 1, k], the last is P(no label | true): p is of all, so that a group that is
    overlooked more often weighs more.

    A singular C is solved in the least-squares sense. The result is the Euclidean projection (Duchi et al.
    2008): it sums to 1 and is never negative.
    """
    among_labelled, labelled = _of_labelled(rates)
    solved = (np.linalg.pinv(among_labelled) @ observed[..., None])[..., 0]
    ordered = -np.sort(-solved, axis=-1)
    excess = (np.cumsum(ordered, axis=-1) - 1) / np.arange(1, solved.shape[-1] + 1)
    support = (ordered > excess).sum(-1, keepdims=True)
    projected = np.maximum(solved - np.take_along_axis(excess, support - 1, axis=-1), 0)
    # Of sums, so that not a bit moves where everybody got a label.
    weighed = projected / labelled
    shares: np.ndarray = weighed * (projected.sum(-1, keepdims=True) / weighed.sum(-1, keepdims=True))
    return shares
