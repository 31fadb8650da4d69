"""Marked words: what is said of one group more than of the unmarked one (Cheng et al. 2023).

Log-odds with an informative Dirichlet prior (Monroe et al. 2008, eq. 16, 20 and 22): for a word that stands y
of n times in a group's texts, y' of n' times in the unmarked group's, and α of α₀ times in the prior,

    δ = ln (y + α)/(n + α₀ - y - α) - ln (y' + α)/(n' + α₀ - y' - α),   z = δ / √(1/(y + α) + 1/(y' + α)).

A word is marked if z is at least 1.96 after the correction for all words of all groups that are looked at:
Benjamini and Hochberg's, as for every verdict of loopsim (docs/metrics.md). Words of one text are taken as
independent, which they are not: a word that one text repeats is marked sooner than one of many texts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import regex
from scipy import stats

PRIOR_SHARE = 0.1  # of the background's counts: what the prior weighs
FEWEST = 5  # times that a word stands in both groups' texts together, or it is not tested
SIGNIFICANT = 1.959964
_WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*")


@final
@dataclass(frozen=True)
class MarkedWord:
    """A word that is marked for a group: how often it stands in the group's texts and in the unmarked
    group's, δ, and z before and after the correction.
    """

    word: str
    count: float
    unmarked_count: float
    log_odds: float
    z: float
    corrected_z: float


def small_words(text: str) -> Counter[str]:
    """Return how often each word stands in a text in small letters: names, which mark nobody but whom they
    name, do not. Clitics stay ("don't"); in scripts without capitals all words count.
    """
    return Counter(word.replace("’", "'") for word in _WORD.findall(text) if word == word.lower())


def log_odds(
    group: np.ndarray, unmarked: np.ndarray, prior: np.ndarray, sizes: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return δ and z of words [..., V] from their counts in two groups' texts and in the prior. `sizes` has
    what all words come to in each of the two, the prior included: n + α₀ and n' + α₀, [..., 1].
    """
    a, b = group + prior, unmarked + prior
    delta = np.log(a) - np.log(sizes[0] - a) - np.log(b) + np.log(sizes[1] - b)
    return delta, delta / np.sqrt(1 / a + 1 / b)


def marked_words(
    groups: Mapping[str, Mapping[str, float]],
    unmarked: Mapping[str, Mapping[str, float]],
    background: Mapping[str, float],
) -> dict[str, list[MarkedWord]]:
    """Return the marked words of each group, most marked first.

    `groups` and `unmarked` have for each group the counts of words in its texts, and in those of the group
    that it is compared with; `background` the counts in all texts, a share PRIOR_SHARE of which is the prior.
    Words that stand fewer than FEWEST times in the two together are not tested, but count towards the sizes.
    """
    found: dict[str, list[MarkedWord]] = {group: [] for group in groups}
    rows: list[tuple[str, MarkedWord]] = []
    for group, counts in groups.items():
        other = unmarked[group]
        words = sorted(word for word in counts.keys() | other.keys() if _both(word, counts, other) >= FEWEST)
        if not words or not counts or not other or len(counts.keys() | other.keys()) < 2:
            continue
        a, b, prior = (
            np.array([source.get(word, 0) for word in words], np.float64)
            for source in (counts, other, background)
        )
        size = PRIOR_SHARE * sum(background.values())
        sizes = np.array([sum(counts.values()) + size]), np.array([sum(other.values()) + size])
        deltas, zs = log_odds(a, b, PRIOR_SHARE * prior, sizes)
        rows += [
            (group, MarkedWord(word, *map(float, (a[i], b[i], deltas[i], zs[i], zs[i]))))
            for i, word in enumerate(words)
        ]
    for (group, row), z in zip(rows, corrected([row.z for _, row in rows]), strict=True):
        if z >= SIGNIFICANT:
            found[group].append(replace(row, corrected_z=float(z)))
    return {group: sorted(marked, key=lambda row: (-row.z, row.word)) for group, marked in found.items()}


def corrected(zs: Sequence[float]) -> np.ndarray:
    """Return the z of two-sided tests after Benjamini and Hochberg's correction: those that have the
    corrected p-values, with the signs kept.
    """
    z = np.asarray(zs, np.float64)
    if len(z) == 0:
        return z
    p = stats.false_discovery_control(2 * stats.norm.sf(np.abs(z)))
    # A p-value that is too small for a float is 0, and its z infinite: no correction makes a z larger.
    found: np.ndarray = np.sign(z) * np.minimum(stats.norm.isf(p / 2), np.abs(z))
    return found


def _both(word: str, counts: Mapping[str, float], other: Mapping[str, float]) -> float:
    return counts.get(word, 0) + other.get(word, 0)
