"""How far a model's value moves when it is trained again: variances of a few trainings, made useful.

Three baselines give a row two degrees of freedom: by themselves they are a coin. Rows of one report are
alike, though, when each variance is told in units of what its items alone explain. So a row's variance leans
on those of all others (empirical Bayes, as limma does for genes: Smyth 2004), and on how the generations
scatter around a line. The prior counts for at most four degrees of freedom: rows come from the same few
trainings, so that what they agree on may be their common luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import digamma, polygamma

MOST_PRIOR = 4.0  # degrees of freedom
_LEAST = 0.05  # of a variance in its units: no logarithm of zero


@final
@dataclass(frozen=True)
class Spread:
    """What is known of one row's trainings: a sum of squared deviations with its degrees of freedom, and
    `unit`, the variance that flipping items alone gives one training (by the bootstrap).
    """

    squares: float
    freedom: int
    unit: float


@final
@dataclass(frozen=True)
class Variance:
    """A variance with its degrees of freedom."""

    value: float
    freedom: float


def moderated(spreads: Sequence[Spread]) -> list[Variance]:
    """Return each row's variance of one training: its own, leaning on the others', and never less than its
    items alone explain.
    """
    own = [s.squares / s.freedom for s in spreads]
    leaning = [i for i, s in enumerate(spreads) if s.unit > 0]
    found = [Variance(value, s.freedom) for value, s in zip(own, spreads, strict=True)]
    if len(leaning) < 2:
        return [_at_least(one, s.unit) for one, s in zip(found, spreads, strict=True)]
    ratios = np.array([max(own[i] / spreads[i].unit, _LEAST) for i in leaning])
    freedom = np.array([spreads[i].freedom for i in leaning], float)
    centre, prior = fit_prior(ratios, freedom)
    for i, ratio, d in zip(leaning, ratios, freedom, strict=True):
        value = spreads[i].unit * (prior * centre + d * ratio) / (prior + d)
        found[i] = Variance(float(value), float(prior + d))
    return [_at_least(one, s.unit) for one, s in zip(found, spreads, strict=True)]


def fit_prior(variances: np.ndarray, freedom: np.ndarray) -> tuple[float, float]:
    """Return the centre and the degrees of freedom (at most MOST_PRIOR) of the scaled inverse χ² from which
    positive variances [r] with degrees of freedom [r] seem to come, r >= 2: the moments of their logarithms
    (Smyth 2004, section 6.2).
    """
    shifted = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    beyond = shifted.var(ddof=1) - polygamma(1, freedom / 2).mean()
    prior = min(2 * _inverse_trigamma(beyond), MOST_PRIOR) if beyond > 0 else MOST_PRIOR
    return float(np.exp(shifted.mean() + digamma(prior / 2) - np.log(prior / 2))), float(prior)


def _inverse_trigamma(value: float) -> float:
    """Return y with trigamma(y) = value > 0, by Newton's steps from above (Smyth 2004, appendix)."""
    y = 0.5 + 1 / value
    for _ in range(50):
        known = polygamma(1, y)
        step = known * (1 - known / value) / polygamma(2, y)
        y += step
        if -step / y < 1e-8:
            break
    return float(y)


def _at_least(one: Variance, least: float) -> Variance:
    return one if one.value >= least else Variance(least, one.freedom)
