"""Races by first names, counted in fractions (Shieh et al. 2024, arXiv 2404.07475).

Count(race) = Σ P(race | first name) · n(name), never the most likely race: a name that six of ten people who
have it are White with speaks for the four others, too. What it cannot tell: P(race | name) holds for the
people whom the table was made from, so a text that draws a race more or less often than there is counted
nearer to their shares than it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np


@final
@dataclass(frozen=True)
class NameCount:
    """Fractional counts [R] of races among `matched` characters; `unmatched` have names that the table
    lacks.
    """

    by_race: np.ndarray
    matched: int
    unmatched: int


def count_races(
    names: Mapping[str, int], likelihoods: Mapping[str, Sequence[float]], num_races: int
) -> NameCount:
    """Return how many characters of each race there are, given how many have each name; `likelihoods` maps a
    name to P(race | name) [R], and names that it lacks are dropped, and counted.
    """
    known = [name for name in names if name in likelihoods]
    matched = np.array([names[name] for name in known], np.float64)
    table = np.array([likelihoods[name] for name in known], np.float64).reshape(len(known), num_races)
    total = int(matched.sum())
    return NameCount(matched @ table, total, sum(names.values()) - total)
