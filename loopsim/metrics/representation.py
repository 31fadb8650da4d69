"""Who is in a set of pictures: shares of groups, raw and corrected for the classifier's known errors
(docs/metrics.md).

Labels of generated pictures are a classifier's. The correction solves p_observed = C·p with its confusion
matrix, measured on real pictures: it undoes known confusions between groups, but not errors that only
generated pictures provoke.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from loopsim.metrics.estimate import (
    Disaggregated,
    Estimate,
    estimate,
    gap,
    not_available,
    quotient,
    wilson_interval,
)

MOST_AMPLIFIED = 10  # times an error in observed shares, by the correction


def corrected_shares(observed: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Return p with observed = C·p, put onto the simplex, for observed shares [..., k] and C[observed, true]
    [k, k] (columns sum to 1).

    A singular C is solved in the least-squares sense. The result is the Euclidean projection (Duchi et al.
    2008): it sums to 1 and is never negative.
    """
    solved = observed @ np.linalg.pinv(confusion).T
    ordered = -np.sort(-solved, axis=-1)
    excess = (np.cumsum(ordered, axis=-1) - 1) / np.arange(1, solved.shape[-1] + 1)
    support = (ordered > excess).sum(-1, keepdims=True)
    projected: np.ndarray = np.maximum(solved - np.take_along_axis(excess, support - 1, axis=-1), 0)
    return projected


def cannot_tell_apart(confusion: np.ndarray) -> str | None:
    """Return why shares cannot be corrected with C[observed, true] [k, k]; None if they can.

    A group that is seen as another one more often than as itself, or an inverse that makes more than ten of
    an error of one, gives shares that are nothing but the simplex's corners: certainty that nobody has.
    """
    others = confusion - np.diag(np.full(len(confusion), np.inf))
    seen = np.diag(confusion) > others.max(0)
    amplified = np.abs(np.linalg.pinv(confusion)).sum(0).max()
    if seen.all() and amplified <= MOST_AMPLIFIED:
        return None
    return f"the classifier cannot tell these groups apart (worst row {np.diag(confusion).min():.2f})"


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
    confusion: np.ndarray | None = None,
    target: Mapping[str, float] | None = None,
) -> Disaggregated:
    """Return each group's share among n labelled pictures, the gap between the largest and the smallest
    share, and their distance from a target.

    Raw shares have Wilson intervals; with `confusion` (of the classifier that labelled them) the shares are
    corrected and have bootstrap ones, or are not available where that classifier cannot tell the groups
    apart. `weights` [b, n] need not sum to n (resampled slots may hold several
    pictures or none). `target` (default: uniform) gives positive shares; the rows are "<attribute> tv" (total
    variation) and "<attribute> kl".
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
    if confusion is not None and (reason := cannot_tell_apart(confusion)) is not None:
        groups = [f"{attribute}={value}" for value in values]
        unknown = {group: not_available(n, reason) for group in groups}
        distances = [f"{attribute} {name}" for name in ("gap", "tv", "kl")]
        return Disaggregated(unknown | {name: not_available(n, reason, is_bias=True) for name in distances})
    member = np.stack([np.asarray(labels) == value for value in values], axis=1).astype(np.float32)
    shares = member.mean(0)
    replicates = quotient(weights @ member, weights.sum(1, keepdims=True))
    if confusion is not None:
        shares, replicates = corrected_shares(shares, confusion), corrected_shares(replicates, confusion)
    results = Disaggregated()
    for index, value in enumerate(values):
        share = estimate(shares[index], replicates[:, index], n)
        if confusion is None:
            share = Estimate(
                share.value, n, *wilson_interval(float(member[:, index].sum()), n), share.replicates
            )
        results[f"{attribute}={value}"] = share
    results[f"{attribute} gap"] = gap(list(results.values()))
    wanted = (
        np.full(len(values), 1 / len(values))
        if target is None
        else np.array([target[value] for value in values])
    )
    for name, distance in (("tv", total_variation), ("kl", kl_divergence)):
        results[f"{attribute} {name}"] = estimate(
            float(distance(shares, wanted)), distance(replicates, wanted), n, is_bias=True
        )
    return results
