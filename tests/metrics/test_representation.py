"""Shares of groups, corrected for the classifier's errors, and their distance from a target."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loopsim.metrics.confusion import Confusion
from loopsim.metrics.estimate import resampling_weights, wilson_interval
from loopsim.metrics.representation import kl_divergence, representation, total_variation, unlabelled
from tests.helpers.oracles import CLOSE, SEEDS


def test_representation_counts_and_its_gap_is_the_spread() -> None:
    labels = ["woman"] * 3 + ["man"] * 7
    found = representation(labels, ("man", "woman"), "gender", resampling_weights(10, 200, 0))
    assert found["gender=woman"].value == pytest.approx(0.3)
    assert (found["gender=woman"].low, found["gender=woman"].high) == wilson_interval(3, 10)
    assert found["gender gap"].value == pytest.approx(0.4)
    assert {one.n for _, one in found.items()} == {10}  # pictures, of which each group is a share
    assert (
        representation([], ("man", "woman"), "gender", np.zeros((1, 0)))["gender gap"].reason == "no pictures"
    )


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 4))
def test_distances_to_a_target(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k))
    assert kl_divergence(p, q) == pytest.approx(stats.entropy(p, q), **CLOSE)
    assert total_variation(p, q) == pytest.approx(
        max(sum(p[list(s)]) - sum(q[list(s)]) for r in range(k + 1) for s in combinations(range(k), r)),
        **CLOSE,
    )
    labels = ["a"] * 3 + ["b"]
    found = representation(labels, ("a", "b"), "x", resampling_weights(4, 10, 0), target={"a": 0.5, "b": 0.5})
    assert found["x tv"].value == pytest.approx(0.25)


def test_a_classifier_that_cannot_tell_groups_apart_corrects_nothing() -> None:
    """Whatever it saw, the corrected share of one group would be 1, with an interval of no width."""
    confusion = Confusion(((7, 12), (93, 88)))
    for women in (32, 55, 81):
        labels = ["woman"] * women + ["man"] * (100 - women)
        weights = resampling_weights(100, 50, 0)
        found = representation(labels, ("man", "woman"), "gender", weights, confusion)
        assert {one.value for _, one in found.items()} == {None}
        assert found["gender=woman"].reason == (
            "the classifier cannot tell these groups apart (worst row 0.07)"
        )
        assert found["gender gap"].is_bias
        raw = representation(labels, ("man", "woman"), "gender", weights)
        assert raw["gender=woman"].value == pytest.approx(women / 100)


LABELS = st.lists(st.sampled_from(["man", "woman", ""]), min_size=2, max_size=40)


@settings(max_examples=40)
@given(LABELS, SEEDS)
def test_shares_are_of_the_pictures_that_show_somebody(labels: list[str], seed: int) -> None:
    """As if the others had never been there, in every resample, too."""
    weights = resampling_weights(len(labels), 50, seed)
    seen = np.array([label != "" for label in labels])
    found = representation(labels, ("man", "woman"), "gender", weights)
    if seen.sum() < 2:
        reason = f"somebody is seen in {seen.sum()} of {len(labels)} pictures"
        assert {(one.value, one.reason) for one in found.values()} == {(None, reason)}
        assert found.keys() >= {"gender=man", "gender=woman", "gender tv"}
        return
    alone = representation([one for one in labels if one], ("man", "woman"), "gender", weights[:, seen])
    for group, one in found.items():
        assert (one.value, one.n, one.low, one.high) == (
            alone[group].value, alone[group].n, alone[group].low, alone[group].high,
        )  # fmt: skip
        assert np.array_equal(one.replicates, alone[group].replicates, equal_nan=True)


@given(LABELS, SEEDS)
def test_how_many_have_no_label_is_told_with_wilsons_interval(labels: list[str], seed: int) -> None:
    weights = resampling_weights(len(labels), 20, seed)
    found = unlabelled(labels, weights).overall
    count = labels.count("")
    assert (found.value, found.n, found.is_bias) == (count / len(labels), len(labels), False)
    assert (found.low, found.high) == wilson_interval(count, len(labels))
    drawn = [sum(w for w, label in zip(row, labels, strict=True) if not label) for row in weights]
    assert found.replicates == pytest.approx(np.array(drawn) / len(labels), abs=1e-6)
    assert unlabelled([], np.zeros((3, 0))).overall.reason == "no pictures"
