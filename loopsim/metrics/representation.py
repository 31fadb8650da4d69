"""Who is in a set of pictures: shares of groups, raw and corrected for the classifier's known errors (METRICS.md §2)."""

from collections.abc import Mapping, Sequence

import numpy as np

from loopsim.metrics.estimate import Disaggregated, Estimate, estimate, gap, wilson_interval


def corrected_shares(observed: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Return p with observed = C·p, put onto the simplex, for observed shares [..., k] and C[observed, true] [k, k] (columns sum to 1).

    A singular C is solved in the least-squares sense. The result is the Euclidean projection (Duchi et al. 2008): it sums to 1 and is never negative.
    """
    solved = observed @ np.linalg.pinv(confusion).T
    ordered = -np.sort(-solved, axis=-1)
    excess = (np.cumsum(ordered, axis=-1) - 1) / np.arange(1, solved.shape[-1] + 1)
    support = (ordered > excess).sum(-1, keepdims=True)
    return np.maximum(solved - np.take_along_axis(excess, support - 1, axis=-1), 0)


def representation(
    labels: Sequence[str], values: Sequence[str], attribute: str, weights: np.ndarray, confusion: np.ndarray | None = None
) -> Disaggregated:
    """Return each group's share among n labelled pictures and the gap between the largest and the smallest share.

    Raw shares have Wilson intervals; with `confusion` (of the classifier that labelled them) the shares are corrected and have bootstrap ones.
    """
    n = len(labels)
    if n == 0:
        return {f"{attribute} gap": Estimate(None, 0, is_bias=True, reason="no pictures")}
    member = np.stack([np.asarray(labels) == value for value in values], axis=1).astype(np.float32)
    shares, replicates = member.mean(0), weights @ member / n
    if confusion is not None:
        shares, replicates = corrected_shares(shares, confusion), corrected_shares(replicates, confusion)
    results: Disaggregated = {}
    for index, value in enumerate(values):
        share = estimate(shares[index], replicates[:, index], n)
        if confusion is None:
            share = Estimate(share.value, n, *wilson_interval(float(member[:, index].sum()), n), share.replicates)
        results[f"{attribute}={value}"] = share
    return results | {f"{attribute} gap": gap(list(results.values()))}


def share_by_class(
    is_member: np.ndarray, classes: Sequence[str], values: Sequence[str], reference: Mapping[str, float], weights: np.ndarray, attribute: str
) -> Disaggregated:
    """Return the share of members per class (e.g. of women per profession), and its distance from `reference`, averaged over classes.

    `is_member` is float [n]; `classes` names each item's class. The distance, mean |share - reference|, is the "overall" row, a bias.
    """
    labels, results, distances, replicated = np.asarray(classes), {}, [], []
    for value in values:
        mask = labels == value
        n = int(mask.sum())
        if n == 0:
            results[f"{attribute}={value}"] = Estimate(None, 0, reason="no pictures")
            continue
        share = float(is_member[mask].mean())
        totals = weights[:, mask].sum(1)
        replicates = np.divide(weights[:, mask] @ is_member[mask], totals, out=np.full(len(weights), np.nan, np.float32), where=totals > 0)
        results[f"{attribute}={value}"] = Estimate(share, n, *wilson_interval(float(is_member[mask].sum()), n), replicates.astype(np.float32))
        distances.append(abs(share - reference[value]))
        replicated.append(np.abs(replicates - reference[value]))
    if not distances:
        return {"overall": Estimate(None, 0, is_bias=True, reason="no pictures")} | results
    mean = estimate(float(np.mean(distances)), np.nanmean(np.stack(replicated), axis=0), len(labels), is_bias=True)
    return {"overall": mean} | results
