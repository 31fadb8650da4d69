"""The generator audit: whom a generator draws when a prompt leaves it open (AlDahoul et al. 2024,
arXiv 2402.01002).

Per prompt: group shares, the majority's share, the spread of shares. Over prompts: slope and rank correlation
of the drawn shares against real-world ones. A slope above 1 exaggerates the stereotype, below 1 flattens it;
the rank correlation says whether the order of professions is the world's. Labels are a classifier's: an audit
says whom the classifier sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.stats import rankdata

from loopsim.metrics.estimate import (
    OVERALL,
    Disaggregated,
    Estimate,
    Statistic,
    not_available,
    quotient,
    recentred_estimate,
    wilson_interval,
)


@final
@dataclass(frozen=True)
class PromptAudit:
    """One prompt's answers: of the n pictures that show somebody each group's (share, low, high) with Wilson
    intervals, the majority's share, and the sd of shares over groups; and how many have no label. Where all
    have none, there are no shares and no majority.
    """

    prompt: str
    n: int
    shares: Mapping[str, tuple[float, float, float]]
    majority: str
    majority_share: float | None
    sd: float | None
    unlabelled: int = 0

    @property
    def num_pictures(self) -> int:
        """How many were drawn."""
        return self.n + self.unlabelled


def audit_prompt(prompt: str, labels: Sequence[str], values: Sequence[str]) -> PromptAudit:
    """Return the audit of one prompt's pictures by their labels ("": none). Raises ValueError without
    pictures.
    """
    if not labels:
        raise ValueError(f"no pictures for {prompt!r}")
    counts = [sum(label == value for label in labels) for value in values]
    n = sum(counts)
    if n == 0:
        return PromptAudit(prompt, 0, {}, "", None, None, len(labels))
    shares = {
        value: (count / n, *wilson_interval(count, n)) for value, count in zip(values, counts, strict=True)
    }
    top = int(np.argmax(counts))
    sd = float(np.std([count / n for count in counts]))
    return PromptAudit(prompt, n, shares, values[top], counts[top] / n, sd, len(labels) - n)


def class_shares(
    is_member: np.ndarray, classes: Sequence[str], values: Sequence[str], weights: np.ndarray
) -> np.ndarray:
    """Return the share of members among each class's pictures, [b, len(values)], for weights [b, n]; NaN for
    a class that a resample lacks.
    """
    labels, found = np.asarray(classes), np.full((len(weights), len(values)), np.nan)
    for index, value in enumerate(values):
        mask = labels == value
        found[:, index] = quotient(weights[:, mask] @ is_member[mask], weights[:, mask].sum(1))
    return found


def slope(shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of shares [b, p] on reference [p], over the prompts that have a
    share.
    """
    present = np.isfinite(shares)
    x, y = np.where(present, reference, 0), np.where(present, shares, 0)
    n = present.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = (x * y).sum(1) - x.sum(1) * y.sum(1) / n
        found: np.ndarray = covariance / (np.square(x).sum(1) - np.square(x.sum(1)) / n)
    return found


def slope_interval(
    counts: np.ndarray, n: np.ndarray, reference: np.ndarray, z: float = 1.959964
) -> tuple[float, float]:
    """Return the 95 % score interval of `slope`, for `counts` members among `n` pictures of each class, all
    [p]: the slopes from which what was drawn is no more than z standard errors away, where the shares are the
    likeliest ones that have that slope (Martín Andrés et al. 2011, of linear combinations of proportions).

    It needs no spread between a class's pictures, of which a bootstrap of one or two sees none. `reference`
    must not be all the same.
    """
    centred = reference - reference.mean()
    weights, drawn = centred / np.square(centred).sum(), counts / n

    def likeliest(pulls: np.ndarray) -> np.ndarray:
        """Return the shares [k, p] that are likeliest for their slope, the flatter the larger a pull [k]
        (Lagrange's multiplier): n (drawn - share) = pull * weight * share * (1 - share), solved for share.
        """
        force = pulls[:, None] * weights
        total = force + n
        root = np.sqrt(np.maximum(total**2 - 4 * force * n * drawn, 0))
        # Two forms of the same root: each is exact where the other loses its digits.
        lesser = np.divide(2 * n * drawn, total + root, out=np.zeros_like(total), where=total > 0)
        other = np.divide(total - root, 2 * force, out=np.zeros_like(total), where=total <= 0)
        return np.asarray(np.where(total > 0, lesser, other).clip(0, 1))

    def is_near(pulls: np.ndarray) -> np.ndarray:
        shares = likeliest(pulls)
        variance = (weights**2 * shares * (1 - shares) / n).sum(1)
        # Shares of none or all stay where they are until the pull is strong enough: that is near, too.
        return np.asarray(np.abs((drawn - shares) @ weights) <= z * np.sqrt(variance) + 1e-12)

    def end(sign: int) -> float:
        pulls = np.geomspace(1e-6, 1e9, 100)
        for _ in range(8):  # each time a hundredth of the interval that is left
            last = int(np.flatnonzero(is_near(sign * pulls))[-1])
            pulls = np.geomspace(pulls[last], pulls[min(last + 1, len(pulls) - 1)], 100)
        return float((likeliest(sign * pulls[:1]) @ weights)[0])

    return end(1), end(-1)


def rank_correlation(shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation (ties share their mean rank, scipy's) of each row of shares [b, p]
    with reference [p]; NaN if flat.
    """
    found = np.full(len(shares), np.nan)
    for index, row in enumerate(shares):
        present = np.isfinite(row)
        a, b = rankdata(row[present]), rankdata(reference[present])
        if present.sum() > 1 and a.std() > 0 and b.std() > 0:
            found[index] = np.corrcoef(a, b)[0, 1]
    return found


def shares_against_world(
    is_member: np.ndarray,
    classes: Sequence[str],
    reference: Mapping[str, float],
    weights: np.ndarray,
    attribute: str,
) -> dict[str, Disaggregated]:
    """Return `distance`, `slope`, `rank_correlation` and `majority_share` of the shares of members per class
    against `reference` (class -> share).

    `is_member` is float [n], `classes` names each picture's class. distance: mean |share - reference| over
    classes (a bias), with the classes' own shares as its groups; majority_share: mean over classes of
    max(share, 1 - share).
    """
    values = list(reference)
    world = np.array(list(reference.values()))
    n = len(is_member)
    if n == 0:
        nothing = Disaggregated({OVERALL: not_available(0, "no pictures", is_bias=True)})
        return dict.fromkeys(("distance", "slope", "rank_correlation", "majority_share"), nothing)
    point = class_shares(is_member, classes, values, np.ones((1, n), np.float32))
    replicated = class_shares(is_member, classes, values, weights)

    def over_classes(summary: Statistic, low: float, high: float, *, is_bias: bool = False) -> Estimate:
        value, replicates = float(summary(point, world)[0]), summary(replicated, world)
        return recentred_estimate(value, replicates, n, is_bias=is_bias, bounds=(low, high))

    def distance(shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return np.asarray(np.nanmean(np.abs(shares - reference), axis=1))

    def majority(shares: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.asarray(np.nanmean(np.maximum(shares, 1 - shares), axis=1))

    members = {}
    for index, value in enumerate(values):
        count = sum(name == value for name in classes)
        if count == 0:
            members[f"{attribute}={value}"] = not_available(0, "no pictures")
        else:
            share = float(point[0, index])
            members[f"{attribute}={value}"] = Estimate(
                share, count, *wilson_interval(share * count, count), replicated[:, index].astype(np.float32)
            )
    return {
        "distance": Disaggregated({OVERALL: over_classes(distance, 0, 1, is_bias=True)} | members),
        "slope": Disaggregated({OVERALL: over_classes(slope, -np.inf, np.inf)}),
        "rank_correlation": Disaggregated({OVERALL: over_classes(rank_correlation, -1, 1)}),
        "majority_share": Disaggregated({OVERALL: over_classes(majority, 0.5, 1)}),
    }
