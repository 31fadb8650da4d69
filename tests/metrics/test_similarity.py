"""Similarities within a set against their definitions, and their invariances."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.metrics.estimate import resampling_weights
from loopsim.metrics.retrieval import recall_at_k
from loopsim.metrics.similarity import (
    homogenisation,
    homogenisation_within,
    prefers_person,
    relative_self_similarity,
    self_similarity,
    self_similarity_by_draws,
)
from tests.helpers.oracles import CLOSE, SEEDS, cosine, features, normal, value


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 12))
def test_self_similarity_is_the_mean_over_all_pairs(seed: int, n: int) -> None:
    x = features(seed, n, 4)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    value = self_similarity(x)(np.ones((1, n), np.float32), np.ones(n, bool))[0]
    assert value == pytest.approx(np.mean([a @ b for a in unit for b in unit]), abs=1e-5)


def test_relative_self_similarity_is_in_percent_of_the_unweighted_mean() -> None:
    x = np.concatenate([np.tile([1.0, 0.0], (6, 1)), np.array([[1.0, 0.0], [0.0, 1.0]])]).astype(np.float32)
    groups = {"gender": ["man"] * 6 + ["woman"] * 2}
    values, weights = {"gender": ("man", "woman")}, resampling_weights(8, 20, 0)
    found = relative_self_similarity(self_similarity(x), groups, values, weights)
    assert found["gender=man"].value == pytest.approx(100 * (1 - 0.75) / 0.75)  # m = 1 and 0.5
    assert found["gender gap"].value == pytest.approx(100 * 0.5 / 0.75)
    unbiased = relative_self_similarity(homogenisation(x), groups, values, weights)
    assert unbiased["gender=man"].value == pytest.approx(100 * (1 - 0.5) / 0.5)  # m = 1 and 0


def test_of_groups_that_are_alike_only_the_form_with_self_pairs_finds_the_small_one_more_alike() -> None:
    """Two groups of one distribution, of 20 and of 1,000 pictures, with a mean cosine of one half."""
    labels = ["few"] * 20 + ["many"] * 1000
    groups, values, weights = {"side": labels}, {"side": ("few", "many")}, np.ones((1, 1020), np.float32)
    found = {"with": [], "without": []}
    for seed in range(100):
        x = normal(seed, 1020, 64)
        x[:, 0] += 8.0
        for name, statistic in (("with", self_similarity(x)), ("without", homogenisation(x))):
            few = relative_self_similarity(statistic, groups, values, weights)["side=few"].value
            found[name].append(few)
    error = np.std(found["without"]) / 10
    assert np.mean(found["with"]) == pytest.approx(100 * (0.025 / 2) / 0.5125, abs=4 * error)  # (1 - m)/n
    assert np.mean(found["without"]) == pytest.approx(0, abs=4 * error)
    assert 4 * error < 1


def test_no_percentage_is_given_of_a_mean_that_is_not_positive_or_of_one_group() -> None:
    x = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], np.float64)
    groups, values = {"side": ["a", "a", "b", "b"]}, {"side": ("a", "b")}
    found = relative_self_similarity(homogenisation(x), groups, values, resampling_weights(4, 20, 0))
    assert found["side=a"].n == 2
    assert all("not positive" in str(found[f"side={side}"].reason) for side in "ab")
    assert found["side gap"].value is None
    alone = relative_self_similarity(
        homogenisation(x), groups, {"side": ("a",)}, resampling_weights(4, 20, 0)
    )
    assert alone["side=a"].reason == "fewer than two groups can be measured"


def test_preference_goes_to_the_neutral_prompt_only_if_it_fits_best() -> None:
    prompts = np.eye(3, dtype=np.float32)
    assert prefers_person(np.array([[1, 0, 0], [0.5, 0.6, 0], [0, 0, 1]], np.float32), prompts).tolist() == [
        1,
        0,
        0,
    ]


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 12))
def test_homogenisation_is_the_mean_over_distinct_pairs(seed: int, n: int) -> None:
    x = normal(seed, n, 4)
    assert value(homogenisation(x), n) == pytest.approx(
        np.mean([cosine(a, b) for a, b in combinations(x, 2)]), **CLOSE
    )


@settings(max_examples=20)
@given(SEEDS)
def test_homogenisation_of_a_resample_leaves_out_an_items_pairs_with_itself(seed: int) -> None:
    x, w = normal(seed, 6, 4), np.array([[2, 0, 1, 3, 0, 1]], np.float32)
    drawn = np.repeat(np.arange(6), w[0].astype(int))
    expected = np.mean([cosine(x[i], x[j]) for i, j in combinations(drawn, 2) if i != j])
    assert homogenisation(x)(w, np.ones(6, bool))[0] == pytest.approx(expected, **CLOSE)


def test_self_similarity_is_what_the_papers_draws_come_to() -> None:
    x = normal(0, 60, 8) + 1
    mean, error = self_similarity_by_draws(x, 4000, seed=1)
    assert abs(value(self_similarity(x), 60) - mean) < 4 * error


@settings(max_examples=20)
@given(SEEDS)
def test_similarities_do_not_mind_order_scale_or_duplication(seed: int) -> None:
    x = normal(seed, 7, 5)
    shuffled = np.random.default_rng(seed).permutation(x) * 3.5
    for measure in (self_similarity, homogenisation):
        assert value(measure(x), 7) == pytest.approx(value(measure(shuffled), 7), **CLOSE)
    assert value(self_similarity(x), 7) == pytest.approx(
        value(self_similarity(np.tile(x, (2, 1))), 14), **CLOSE
    )


def test_preference_of_nan_features_is_not_a_preference() -> None:
    images = np.array([[1, 0], [np.nan, 0]], np.float32)
    assert np.isnan(prefers_person(images, np.eye(2, dtype=np.float32))).tolist() == [False, True]
    assert np.isnan(recall_at_k(images, images, np.arange(2))[1]).tolist() == [False, True]


@given(seed=st.integers(0, 100), n=st.integers(4, 20))
def test_homogenisation_within_is_the_mean_over_parts_that_have_pairs(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, parts, mask = rng.normal(size=(n, 5)), rng.choice(["a", "b", "c"], n).tolist(), rng.random(n) < 0.7
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    means = []
    for part in "abc":
        mine = [i for i in range(n) if parts[i] == part and mask[i]]
        if len(mine) > 1:
            means.append(np.mean([unit[i] @ unit[j] for i in mine for j in mine if i < j]))
    found = homogenisation_within(x, parts)(np.ones((1, n), np.float32), mask)[0]
    assert found == pytest.approx(np.mean(means) if means else np.nan, nan_ok=True, **CLOSE)
