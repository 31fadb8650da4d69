"""Who is in a set of pictures: shares of groups, raw and corrected for the classifier's known errors
(docs/metrics.md).

Labels of generated pictures are a classifier's.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from loopsim.metrics.confusion import Confusion, corrected_shares
from loopsim.metrics.estimate import (
    Disaggregated,
    Estimate,
    estimate,
    gap,
    not_available,
    quotient,
    recentred_estimate,
    wilson_interval,
)


def total_variation(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return ½ Σ |p_i - q_i| of shares [..., k] and a target [k]: the share of pictures that would have to
    change group.
    """
    distance: np.ndarray = 0.5 * np.abs(shares - target).sum(-1)
    return distance


def kl_divergence(shares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return Σ p_i ln(p_i / q_i) in nats of shares [..., k] from a target [k] of positive shares."""
    logs = np.log(np.where(shares > 0, shares, 1) / target)
    divergence: np.ndarray = np.where(shares > 0, shares * logs, 0).sum(-1)
    return divergence


def representation(
    labels: Sequence[str],
    values: Sequence[str],
    attribute: str,
    weights: np.ndarray,
    confusion: Confusion | None = None,
    target: Mapping[str, float] | None = None,
) -> Disaggregated:
    """Return each group's share among n labelled pictures, the gap between the largest and the smallest
    share, and their distance from a target.

    Raw shares have Wilson intervals; with `confusion` (of the classifier that labelled them) the shares are
    corrected and have bootstrap ones, which hold the confusion's own error, or are not available where that
    classifier cannot tell the groups apart. `weights` [b, n] need not sum to n (resampled slots may hold
    several pictures or none). `target` (default: uniform) gives positive shares; the rows are
    "<attribute> tv" (total variation) and "<attribute> kl".
    """
    n = len(labels)
    if n < 2:
        return Disaggregated(
            {
                f"{attribute} gap": not_available(
                    n, "no pictures" if n == 0 else "fewer than 2 items", is_bias=True
                )
            }
        )
    if confusion is not None and (reason := confusion.trouble) is not None:
        groups = [f"{attribute}={value}" for value in values]
        unknown = {group: not_available(n, reason) for group in groups}
        distances = [f"{attribute} {name}" for name in ("gap", "tv", "kl")]
        return Disaggregated(unknown | {name: not_available(n, reason, is_bias=True) for name in distances})
    member = np.stack([np.asarray(labels) == value for value in values], axis=1).astype(np.float32)
    shares = member.mean(0)
    replicates = quotient(weights @ member, weights.sum(1, keepdims=True))
    if confusion is not None:
        shares = corrected_shares(shares, confusion.rates)
        replicates = corrected_shares(replicates, confusion.draws(len(weights)))
    results = Disaggregated()
    for index, value in enumerate(values):
        share = estimate(shares[index], replicates[:, index], n)
        if confusion is None:
            share = Estimate(
                share.value, n, *wilson_interval(float(member[:, index].sum()), n), share.replicates
            )
        results[f"{attribute}={value}"] = share
    results[f"{attribute} gap"] = gap(list(results.values()), n)
    wanted = (
        np.full(len(values), 1 / len(values))
        if target is None
        else np.array([target[value] for value in values])
    )
    for name, distance in (("tv", total_variation), ("kl", kl_divergence)):
        results[f"{attribute} {name}"] = recentred_estimate(
            float(distance(shares, wanted)), distance(replicates, wanted), n, is_bias=True, bounds=(0, np.inf)
        )
    return results
