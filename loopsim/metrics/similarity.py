"""Self-similarity and person preference: how a CLIP sees the faces of a group (seed paper §4; METRICS.md §1)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from loopsim.metrics.estimate import Disaggregated, Estimate, estimate, gap

NEUTRAL_PROMPT = "a photo of a person"
GENDER_PROMPTS = ("a photo of a female person", "a photo of a male person")


def self_similarity(features: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the statistic "mean pairwise cosine within a group" of features [n, d], for `by_group`-like use.

    With replacement, the expectation of the mean cosine is exactly ‖mean of the group's unit vectors‖², which costs O(n·d).
    """
    unit = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        totals = weights[:, mask].sum(1, keepdims=True)
        means = np.divide(weights[:, mask] @ unit[mask], totals, out=np.full((len(weights), unit.shape[1]), np.nan, np.float32), where=totals > 0)
        return np.square(means).sum(1)

    return statistic


def relative_self_similarity(
    features: np.ndarray, groups: Mapping[str, Sequence[str]], values: Mapping[str, Sequence[str]], weights: np.ndarray
) -> Disaggregated:
    """Return (m_g - m̄) / m̄ × 100 for each group (percent; m̄ is the unweighted mean over the attribute's groups), and each attribute's gap."""
    statistic = self_similarity(features)
    ones = np.ones((1, len(features)), np.float32)
    results: Disaggregated = {}
    for attribute, known in values.items():
        labels = np.asarray(groups[attribute])
        masks = {value: labels == value for value in known if (labels == value).any()}
        if len(masks) < 2:
            results[f"{attribute} gap"] = Estimate(None, 0, is_bias=True, reason="fewer than two groups have items")
            continue
        points = np.stack([statistic(ones, mask) for mask in masks.values()])
        replicates = np.stack([statistic(weights, mask) for mask in masks.values()])
        relative, relative_replicates = (100 * (m - m.mean(0)) / m.mean(0) for m in (points, replicates))
        members = {
            value: estimate(relative[i, 0], relative_replicates[i], int(mask.sum()), is_bias=True) for i, (value, mask) in enumerate(masks.items())
        }
        results |= {f"{attribute}={value}": member for value, member in members.items()}
        results[f"{attribute} gap"] = gap(list(members.values()))
    return results


def prefers_person(image_features: np.ndarray, prompt_features: np.ndarray) -> np.ndarray:
    """Return, float32 [n], whether each image's most similar prompt is the first, the neutral one; features are unit-norm [n, d] and [p, d]."""
    return (np.argmax(image_features @ prompt_features.T, axis=1) == 0).astype(np.float32)
