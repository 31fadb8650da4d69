"""Self-similarity, person preference and homogenisation: how an encoder sees the pictures of a group
(docs/metrics.md).

*Self-similarity* (Chen et al. 2024, §4) is the mean pairwise cosine within a group: high where a model tells
the group's members apart badly. Its reference averages 10,000 draws of 22 pictures with replacement; the
expectation of that is exactly ‖mean of the unit vectors‖², at O(n·d). A picture so is paired with itself once
in n pairs, which adds (1 - m)/n: with n = 20 and m = .5 a twentieth of the value, and more in small groups
than in large ones. The *unbiased* form leaves those pairs out. *Homogenisation* is that form in a frozen
encoder, across generations. *Person preference* is the share of a group whose best prompt is the neutral one:
who counts as a person without an adjective. None of them can tell whether a difference comes from the people
or from how they were pictured (light, pose, sharpness): read them beside the artefact measures.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_matrix

from loopsim.metrics.estimate import (
    Disaggregated,
    Estimate,
    Statistic,
    estimate,
    evaluated,
    gap,
    not_available,
    quotient,
)

NEUTRAL_PROMPT = "a photo of a person"
GENDER_PROMPTS = ("a photo of a female person", "a photo of a male person")
_RACES = (
    "an East Asian",
    "an Indian",
    "a Southeast Asian",
    "a White",
    "a Middle Eastern",
    "a Latino or Hispanic",
    "a Black",
)
_AGES = ("0 and 2", "3 and 9", "10 and 19", "20 and 29", "30 and 39", "40 and 49", "50 and 59", "60 and 69")
# What the neutral prompt competes with, by attribute (Chen et al. 2024, §4).
PREFERENCE_PROMPTS: dict[str, Sequence[str]] = {
    "gender": GENDER_PROMPTS,
    "skin_tone": ("a photo of a person with light skin", "a photo of a person with dark skin"),
    "race": [f"a photo of {race} person" for race in _RACES],
    "ethnicity": [f"a photo of {race} person" for race in _RACES],
    "age": [
        *(f"a photo of a person between {span} years old" for span in _AGES),
        "a photo of a person 70 or more years old",
    ],
}


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Return features [n, d] with each row divided by its own norm, float32."""
    unit: np.ndarray = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit.astype(np.float32)


def self_similarity(features: np.ndarray) -> Statistic:
    """Return the statistic "mean pairwise cosine within a group, self-pairs included" of features [n, d] =
    ‖mean of the group's unit vectors‖²: the seed paper's, which is larger than that of fresh pictures by
    (1 - m)/n.
    """
    unit = unit_rows(features)

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        means = quotient(weights[:, mask] @ unit[mask], weights[:, mask].sum(1, keepdims=True))
        return np.asarray(np.square(means).sum(1))

    return statistic


def group_self_similarity(features: np.ndarray, group: np.ndarray, num_groups: int) -> np.ndarray:
    """Return `self_similarity` of every group at once, [num_groups], for features [n, d] and group indices
    [n]; NaN for an empty group.

    One pass for the norms and one for the sums: the sum of unit vectors is a sparse matrix of 1/norm times
    the features as they are.
    """
    inverse = 1 / np.sqrt(np.einsum("nd,nd->n", features, features))
    sums = (
        csr_matrix(
            (inverse, (group, np.arange(len(group)))), shape=(num_groups, len(group)), dtype=features.dtype
        )
        @ features
    )
    counts = np.bincount(group, minlength=num_groups)
    squares = np.square(sums.astype(np.float64)).sum(1)
    return quotient(squares, np.square(counts))


def homogenisation(features: np.ndarray) -> Statistic:
    """Return the statistic "mean cosine over pairs of distinct items" of features [n, d]: (‖Σ w u‖² - Σ w²) /
    ((Σ w)² - Σ w²). It is the unbiased form of `self_similarity`.

    A resample may draw an item twice; that pair is the item with itself and is left out, too.
    """
    unit = unit_rows(features)

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        w = weights[:, mask]
        own = np.square(w).sum(1)
        pairs = np.square(w.sum(1)) - own
        total = np.square((w @ unit[mask]).astype(np.float64)).sum(1) - own
        return quotient(total, pairs)

    return statistic


def homogenisation_within(features: np.ndarray, parts: Sequence[str]) -> Statistic:
    """Return the statistic "mean over parts of the homogenisation of the items of that part" of features [n,
    d] and each item's part, as its profession; parts with fewer than two distinct items of the mask are left
    out, in every resample those that it left with one.
    """
    whole, labels = homogenisation(features), np.asarray(parts)
    masks = [labels == part for part in sorted(set(parts))]

    def statistic(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
        found = [whole(weights, mask & part) for part in masks if (mask & part).sum() > 1]
        if not found:
            return np.full(len(weights), np.nan)
        by_part = np.stack(found)
        known = np.isfinite(by_part)
        return quotient(np.where(known, by_part, 0).sum(0), known.sum(0).astype(np.float64))

    return statistic


def self_similarity_by_draws(
    features: np.ndarray, num_draws: int, seed: int, size: int = 22
) -> tuple[float, float]:
    """Return (mean, standard error) of self-similarity by the reference's bootstrap: `num_draws` times `size`
    rows of features [n, d], replaced.

    A check of the closed form, thousands of times slower.
    """
    rng, unit = np.random.default_rng(seed), unit_rows(features)
    found = np.array(
        [
            np.mean(drawn @ drawn.T)
            for drawn in (unit[rng.integers(len(unit), size=size)] for _ in range(num_draws))
        ]
    )
    # The average over a draw's size² pairs has self-pairs at a rate of 1/size; the reference leaves them out
    # (its pairs are i < j).
    found = (size * found - 1) / (size - 1)
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(num_draws))


def relative_self_similarity(
    statistic: Statistic,
    groups: Mapping[str, Sequence[str]],
    values: Mapping[str, Sequence[str]],
    weights: np.ndarray,
) -> Disaggregated:
    """Return (m_g - m̄) / m̄ × 100 for each group (percent; m_g is the statistic, as `self_similarity` or
    `homogenisation` of features [n, d], and m̄ its unweighted mean over the attribute's groups), and each
    attribute's gap; `weights` are [B, n].

    Not available where m̄ is not positive: a percentage of it would say nothing.
    """
    results = Disaggregated(overall=evaluated(statistic, np.ones(weights.shape[1], bool), weights))
    for attribute, known in values.items():
        labels = np.asarray(groups[attribute])
        members = _relative(statistic, {value: labels == value for value in known}, weights)
        results |= {f"{attribute}={value}": member for value, member in members.items()}
        results[f"{attribute} gap"] = gap(list(members.values()))
    return results


def _relative(
    statistic: Statistic, masks: Mapping[str, np.ndarray], weights: np.ndarray
) -> dict[str, Estimate]:
    """Return each group's (m_g - m̄) / m̄ × 100, given the masks [n] of the groups."""
    sizes = {value: int(mask.sum()) for value, mask in masks.items()}
    large = [value for value in masks if sizes[value] > 1]
    members = {
        value: not_available(size, "fewer than 2 items", is_bias=True)
        for value, size in sizes.items()
        if value not in large
    }
    ones = np.ones((1, weights.shape[1]), np.float32)
    points = np.array([statistic(ones, masks[value]) for value in large])
    reason = (
        "fewer than two groups can be measured"
        if len(large) < 2
        else "the mean over groups is not positive: a percentage of it says nothing"
        if points.mean() <= 0
        else None
    )
    if reason is not None:
        return members | {value: not_available(sizes[value], reason, is_bias=True) for value in large}
    replicates = np.array([statistic(weights, masks[value]) for value in large])
    relative, relative_replicates = (100 * (m - m.mean(0)) / m.mean(0) for m in (points, replicates))
    return members | {
        value: estimate(relative[i, 0], relative_replicates[i], sizes[value], is_bias=True)
        for i, value in enumerate(large)
    }


def prefers_person(image_features: np.ndarray, prompt_features: np.ndarray) -> np.ndarray:
    """Return, float32 [n], whether each image's most similar prompt is the first, the neutral one; features
    are unit-norm [n, d] and [p, d].

    NaN where an image's or a prompt's features are. The reference averages 10,000 draws that cut every group
    to the smallest one's size; the expectation of that is the group's plain share, which `by_group` of these
    scores gives.
    """
    scores = image_features @ prompt_features.T
    return np.where(np.isfinite(scores).all(1), np.argmax(scores, axis=1) == 0, np.nan).astype(np.float32)
