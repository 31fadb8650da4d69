"""Who is in a set of pictures: shares of groups, raw and corrected for the classifier's known errors
(docs/metrics.md).

Labels of generated pictures are a classifier's. Shares are of the pictures in which it sees somebody; in how
many it sees nobody is told apart. What it takes for a person and is none counts as one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from loopsim.metrics.confusion import Confusion, corrected_shares
from loopsim.metrics.estimate import (
    OVERALL,
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
    """Return each group's share among the n pictures that have one of the values as their label ("": none),
    the gap between the largest and the smallest share, and their distance from a target.

    Raw shares have Wilson intervals; with `confusion` (of the classifier that labelled them) the shares are
    corrected and have bootstrap ones, which hold the confusion's own error, or are not available where that
    classifier cannot tell the groups apart. `weights` [b, pictures] need not sum to their number (resampled
    slots may hold several pictures or none). `target` (default: uniform) gives positive shares; the rows are
    "<attribute> tv" (total variation) and "<attribute> kl".
    """
    if len(labels) < 2:
        reason = "fewer than 2 items" if labels else "no pictures"
        return Disaggregated({f"{attribute} gap": not_available(len(labels), reason, is_bias=True)})
    member = np.stack([np.asarray(labels) == value for value in values], axis=1).astype(np.float32)
    n = int(member.sum())
    trouble = f"somebody is seen in {n} of {len(labels)} pictures" if n < 2 else None
    if trouble is None and confusion is not None:
        trouble = confusion.trouble
    if trouble is not None:
        groups = [f"{attribute}={value}" for value in values]
        unknown = {group: not_available(n, trouble) for group in groups}
        distances = [f"{attribute} {name}" for name in ("gap", "tv", "kl")]
        return Disaggregated(unknown | {name: not_available(n, trouble, is_bias=True) for name in distances})
    shares = member.sum(0) / n
    counts = weights @ member
    replicates = quotient(counts, counts.sum(1, keepdims=True))
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


def unlabelled(labels: Sequence[str], weights: np.ndarray) -> Disaggregated:
    """Return the share of pictures without a label (""), with Wilson's interval; `weights` as above."""
    n = len(labels)
    if n == 0:
        return Disaggregated({OVERALL: not_available(0, "no pictures")})
    without = np.array([label == "" for label in labels], np.float32)
    replicates = quotient(weights @ without, weights.sum(1))
    count = int(without.sum())
    return Disaggregated({OVERALL: Estimate(count / n, n, *wilson_interval(count, n), replicates)})
