"""Each metric against a slow oracle written from its definition, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.core.gendered_words import caption_gender
from loopsim.metrics.audit import shares_against_world
from loopsim.metrics.captions import clip_score, gender_scores
from loopsim.metrics.drift import Drift, drift, drift_over_seeds, with_verdicts
from loopsim.metrics.estimate import (
    by_group,
    percentile_interval,
    resampling_weights,
    weighted_mean,
    wilson_interval,
    with_intersections,
)
from loopsim.metrics.representation import corrected_shares, representation
from loopsim.metrics.retrieval import recall_at_k
from loopsim.metrics.similarity import prefers_person, relative_self_similarity, self_similarity

SEEDS = st.integers(0, 10_000)


def features(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=30)
@given(SEEDS, st.integers(2, 15), st.integers(1, 3))
def test_recall_equals_its_definition(seed: int, num_images: int, per_image: int) -> None:
    images = (
        features(seed, num_images, 6) * 7
    )  # rows of very different norms: each is to be normalised by its own
    owner = np.repeat(np.arange(num_images), per_image)
    texts = images[owner] + 8 * features(seed + 1, len(owner), 6)
    found = recall_at_k(texts, images, owner, block=4)
    for k, hits in found.items():
        for i, text in enumerate(texts):
            cosines = [text @ image / np.linalg.norm(text) / np.linalg.norm(image) for image in images]
            assert hits[i] == (owner[i] in np.argsort(cosines)[::-1][:k])


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
    found = relative_self_similarity(x, groups, {"gender": ("man", "woman")}, resampling_weights(8, 20, 0))
    assert found["gender=man"].value == pytest.approx(100 * (1 - 0.75) / 0.75)  # m = 1 and 0.5
    assert found["gender gap"].value == pytest.approx(100 * 0.5 / 0.75)


def test_preference_goes_to_the_neutral_prompt_only_if_it_fits_best() -> None:
    prompts = np.eye(3, dtype=np.float32)
    assert prefers_person(np.array([[1, 0, 0], [0.5, 0.6, 0], [0, 0, 1]], np.float32), prompts).tolist() == [
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("caption", "gender"),
    [
        ("A woman and her dog", "woman"),
        ("a photo of HIS car", "man"),
        ("a man with a woman", "both"),
        ("a mango on a human chair", "neutral"),
        ("the cook", "neutral"),
        ("policewoman.", "woman"),
    ],
)
def test_a_captions_gender(caption: str, gender: str) -> None:
    assert caption_gender(caption) == gender


def test_an_always_neutral_captioner_does_not_look_perfect() -> None:
    scores = gender_scores(
        ["a cook", "a man", "a woman", "a man and a woman"], ["man", "woman", "woman", "man"]
    )
    assert [scores[name].tolist() for name in ("error", "neutral", "both", "single")] == [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 1, 0],
    ]


def test_clip_score_is_clipped_and_scaled() -> None:
    assert clip_score(
        np.array([[1.0, 0], [1, 0]]), np.array([[0.6, 0.8], [-1, 0]])
    ).tolist() == pytest.approx([1.5, 0])


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_correction_undoes_the_classifiers_errors(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    confusion = 0.8 * np.eye(k) + 0.2 * rng.dirichlet(np.ones(k), size=k).T
    true = rng.dirichlet(np.ones(k))
    assert corrected_shares(confusion @ true, confusion) == pytest.approx(true, abs=1e-6)


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_corrected_shares_stay_on_the_simplex(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    shares = corrected_shares(rng.dirichlet(np.ones(k), size=7), rng.dirichlet(np.ones(k), size=k).T)
    assert (shares >= 0).all()
    assert shares.sum(-1) == pytest.approx(1)


def test_representation_counts_and_its_gap_is_the_spread() -> None:
    labels = ["woman"] * 3 + ["man"] * 7
    found = representation(labels, ("man", "woman"), "gender", resampling_weights(10, 200, 0))
    assert found["gender=woman"].value == pytest.approx(0.3)
    assert (found["gender=woman"].low, found["gender=woman"].high) == wilson_interval(3, 10)
    assert found["gender gap"].value == pytest.approx(0.4)
    assert (
        representation([], ("man", "woman"), "gender", np.zeros((1, 0)))["gender gap"].reason == "no pictures"
    )


def test_wilson_agrees_with_scipy() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    for successes, n in ((0, 5), (3, 10), (250, 1000), (7, 7)):
        reference = scipy_stats.binomtest(successes, n).proportion_ci(method="wilson")
        assert wilson_interval(successes, n) == pytest.approx((reference.low, reference.high), abs=1e-6)


def test_shares_by_class_and_their_distance_from_the_world() -> None:
    women = np.array([1, 0, 1, 1], np.float32)
    found = shares_against_world(
        women, ["cook", "cook", "judge", "judge"], {"cook": 0.4, "judge": 0.2}, np.ones((3, 4)), "profession"
    )
    distance = found["distance"]
    assert (distance["profession=cook"].value, distance["profession=judge"].value) == (0.5, 1.0)
    assert distance.overall.value == pytest.approx((0.1 + 0.8) / 2)
    assert found["slope"].overall.value == pytest.approx((0.5 - 1.0) / (0.4 - 0.2))
    assert found["rank_correlation"].overall.value == pytest.approx(-1)
    assert found["majority_share"].overall.value == pytest.approx((0.5 + 1) / 2)
    assert (
        shares_against_world(women[:0], [], {"cook": 0.4}, np.ones((3, 0)), "profession")[
            "slope"
        ].overall.reason
        == "no pictures"
    )


def test_groups_gaps_and_what_cannot_be_said() -> None:
    scores = np.array([1, 0, 1, 1], np.float32)
    groups = {"gender": ["man", "man", "woman", "woman"]}
    found = by_group(
        weighted_mean(scores), groups, {"gender": ("man", "woman", "other")}, 4, resampling_weights(4, 500, 0)
    )
    assert (found["overall"].value, found["gender=man"].value, found["gender gap"].value) == (0.75, 0.5, 0.5)
    assert found["gender=other"].value is None
    assert found["gender=other"].reason == "no items"
    assert found["gender gap"].is_bias


@settings(max_examples=20)
@given(SEEDS)
def test_the_bootstrap_covers_the_mean_at_its_rate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = resampling_weights(80, 400, seed)
    covered = 0
    for _ in range(100):
        sample = rng.normal(size=80).astype(np.float32)
        low, high = percentile_interval(weighted_mean(sample)(weights, np.ones(80, bool)))
        covered += low <= 0 <= high
    assert 80 <= covered <= 100


def judged(
    value: float, baseline: float, replicates: np.ndarray, baseline_replicates: np.ndarray, *, is_bias: bool
) -> Drift:
    found = drift(value, replicates, [baseline], baseline_replicates[None], is_bias=is_bias, has_model=False)
    assert found is not None
    return with_verdicts([found])[0]


def test_drift_is_paired_and_signed_by_size_for_biases() -> None:
    base = np.random.default_rng(0).normal(-0.5, 0.2, 500)
    assert judged(-0.7, -0.5, base - 0.2, base, is_bias=True).delta == pytest.approx(0.2)
    moved = judged(-0.7, -0.5, base - 0.2, base, is_bias=False)
    assert (moved.low, moved.high) == pytest.approx((-0.2, -0.2))  # the items' noise cancels
    assert moved.verdict == "fell"
    noise = np.abs(
        np.random.default_rng(1).normal(0, 0.03, 500)
    )  # a gap's replicates lie above its value, 0.004
    assert judged(0.004, 0.0, 0.004 + noise, np.zeros(500), is_bias=True).verdict == "no evidence"
    assert judged(0.0, 0.0, base, base, is_bias=True).verdict == "no evidence"


def test_retraining_noise_widens_the_interval_as_students_prediction_interval() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    flat, starts = np.full(100, 0.6), [0.50, 0.52, 0.48]
    found = drift(
        0.6, flat, starts, np.repeat(np.array(starts)[:, None], 100, axis=1), is_bias=False, has_model=True
    )
    assert found is not None
    half = scipy_stats.t.ppf(0.975, 2) * np.std(starts, ddof=1) * np.sqrt(1 + 1 / 3)
    assert (found.delta, found.low, found.high) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    assert found.retraining == pytest.approx(half)
    assert found.p_value == pytest.approx(
        2 * scipy_stats.t.sf(0.1 / (np.std(starts, ddof=1) * np.sqrt(4 / 3)), 2)
    )


def test_many_tests_are_corrected_and_a_verdict_needs_its_interval_too() -> None:
    strong = Drift(0.1, 0.05, 0.15, 0.001, None, True)
    weak = Drift(-0.1, -0.19, -0.01, 0.04, None, False)
    assert [d.verdict for d in with_verdicts([strong, weak])] == ["amplified", "fell"]
    crowd = [Drift(0.0, -0.1, 0.1, 0.9, None, True)] * 10
    assert [d.verdict for d in with_verdicts([strong, weak, *crowd])][:2] == ["amplified", "no evidence"]
    assert with_verdicts([Drift(0.1, -0.01, 0.2, 0.0001, None, True)])[0].verdict == "no evidence"
    assert with_verdicts([]) == []


def test_over_seeds_the_seed_is_the_unit() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    deltas = [0.1, 0.2, 0.15, 0.12]
    found = drift_over_seeds(deltas, is_bias=True)
    reference = scipy_stats.ttest_1samp(deltas, 0)
    assert found is not None
    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert drift_over_seeds([0.1], is_bias=True) is None


def test_a_disaggregated_value_knows_its_differences_and_ratios() -> None:
    groups, values = with_intersections(
        {"gender": ["man", "man", "woman", "woman"], "tone": ["a", "b", "a", "b"]},
        {"gender": ("man", "woman"), "tone": "ab"},
    )
    found = by_group(weighted_mean(np.array([1, 1, 0.5, 0])), groups, values, 4, resampling_weights(4, 20, 0))
    assert (found.overall.value, found.n) == (0.625, 4)
    assert (found.difference("gender"), found.ratio("gender")) == (0.75, 0.25)
    assert set(found.by_group("gender & tone")) == {"man & a", "man & b", "woman & a", "woman & b"}
    assert found["gender & tone=man & a"].reason == "fewer than 2 items"
    assert found.ratio("gender & tone") is None


def test_nan_is_never_a_value() -> None:
    groups, weights = {"gender": ["man", "man", "woman", "woman"]}, resampling_weights(4, 20, 0)
    found = by_group(
        weighted_mean(np.array([1, np.nan, 1, 1])), groups, {"gender": ("man", "woman")}, 4, weights
    )
    assert found.overall.value is None
    assert "NaN" in str(found["gender=man"].reason)
    assert found["gender=woman"].value == 1
    assert found["gender gap"].value is None
