"""When a watermark was read, and not guessed: thresholds and p-values of bits that are right."""

import numpy as np
from scipy.stats import binom


def p_values(correct: np.ndarray, num_bits: int, num_tries: int = 1) -> np.ndarray:
    """Return, float64 [n], how likely `correct` of `num_bits` bits (int [n]), or more, are right in an
    unmarked picture, whose bits are fair coins; with the best of `num_tries` keystreams, by Bonferroni's
    bound.
    """
    tail = binom.sf(np.asarray(correct) - 1, num_bits, 0.5)
    bound: np.ndarray = np.minimum(1.0, num_tries * tail)
    return bound


def bits_needed(num_bits: int, rate: float, num_tries: int = 1) -> int | None:
    """Return the fewest right bits whose p-value is at most `rate`, the share of unmarked pictures that may
    be taken for marked ones; None if not even all of them suffice.
    """
    found = np.flatnonzero(p_values(np.arange(num_bits + 1), num_bits, num_tries) <= rate)
    return int(found[0]) if len(found) else None
