"""The metrics of METRICS.md §1-3 against slow oracles written from their definitions, against libraries, and
their invariances.
"""

import io
from contextlib import redirect_stdout
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats
from scipy.stats.contingency import relative_risk

from loopsim.metrics import amplification, artefacts, association, distribution, harms, lic
from loopsim.metrics.audit import audit_prompt, rank_correlation, slope
from loopsim.metrics.captions import bleu4, cider_d, meteor, rouge_l
from loopsim.metrics.estimate import by_group, resampling_weights
from loopsim.metrics.representation import kl_divergence, representation, total_variation
from loopsim.metrics.retrieval import max_skew, ndkl, recall_at_k
from loopsim.metrics.similarity import (
    homogenisation,
    prefers_person,
    self_similarity,
    self_similarity_by_draws,
)

SEEDS = st.integers(0, 10_000)
CLOSE = {"rel": 1e-5, "abs": 1e-6}


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def value(statistic, n: int) -> float:
    return float(statistic(np.ones((1, n), np.float32), np.ones(n, bool))[0])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


# --- similarity


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


# --- retrieval fairness


@settings(max_examples=40)
@given(st.lists(st.sampled_from("ab"), min_size=3, max_size=20), st.floats(0.1, 0.9))
def test_skew_and_ndkl_equal_their_definitions(ranked: list[str], share: float) -> None:
    desired = {"a": share, "b": 1 - share}
    k = len(ranked) // 2 + 1
    skews = [
        np.log(ranked[:k].count(group) / k / wanted)
        for group, wanted in desired.items()
        if ranked[:k].count(group)
    ]
    assert max_skew(ranked, desired, k) == pytest.approx(max(skews), **CLOSE)
    total = z = 0.0
    for i in range(1, len(ranked) + 1):
        shares = {group: ranked[:i].count(group) / i for group in desired}
        total += sum(p * np.log(p / desired[group]) for group, p in shares.items() if p) / np.log2(i + 1)
        z += 1 / np.log2(i + 1)
    assert ndkl(ranked, desired) == pytest.approx(total / z, **CLOSE)


# --- distances between sets, and variety


@settings(max_examples=20)
@given(SEEDS, st.integers(6, 20))
def test_frechet_distance_equals_its_formula(seed: int, n: int) -> None:
    x, y = normal(seed, n, 3), normal(seed + 1, n, 3) * 1.5 + 1
    root = linalg.sqrtm(np.cov(x.T) @ np.cov(y.T)).real
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root)
    assert value(distribution.frechet_distance(x, y), n) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert value(distribution.frechet_distance(x, x), n) == pytest.approx(0, abs=1e-5)


@settings(max_examples=20)
@given(SEEDS, st.integers(2, 8))
def test_kid_and_cmmd_equal_their_sums(seed: int, n: int) -> None:
    x, y = normal(seed, n, 4), normal(seed + 1, n + 1, 4) + 0.5

    def polynomial(a: np.ndarray, b: np.ndarray) -> float:
        return (a @ b / 4 + 1) ** 3

    def off_diagonal(z: np.ndarray) -> float:
        return float(np.mean([polynomial(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]))

    expected = off_diagonal(x) + off_diagonal(y) - 2 * np.mean([polynomial(a, b) for a in x for b in y])
    assert value(distribution.kid(x, y), n + 1) == pytest.approx(expected, **CLOSE)

    def mean_rbf(p: np.ndarray, q: np.ndarray) -> float:
        return float(
            np.mean(
                [
                    np.exp(-np.sum((a / np.linalg.norm(a) - b / np.linalg.norm(b)) ** 2) / 200)
                    for a in p
                    for b in q
                ]
            )
        )

    assert value(distribution.cmmd(x, y), n + 1) == pytest.approx(
        1000 * (mean_rbf(x, x) + mean_rbf(y, y) - 2 * mean_rbf(x, y)), rel=1e-5, abs=1e-8
    )
    assert value(distribution.cmmd(x, x), n) == pytest.approx(0, abs=1e-9)


@settings(max_examples=15)
@given(SEEDS)
def test_weights_repeat_the_fakes(seed: int) -> None:
    x, y, w = normal(seed, 9, 3), normal(seed + 1, 7, 3), np.array([[2, 0, 1, 3, 1, 0, 2]], np.float32)
    repeated = np.repeat(y, w[0].astype(int), axis=0)
    for measure in (distribution.frechet_distance, distribution.kid, distribution.cmmd):
        assert measure(x, y)(w, np.ones(7, bool))[0] == pytest.approx(
            value(measure(x, repeated), len(repeated)), rel=1e-5, abs=1e-8
        )


@settings(max_examples=15)
@given(SEEDS, st.integers(7, 25))
def test_the_manifold_measures_are_prdcs(seed: int, n: int) -> None:
    prdc = pytest.importorskip("prdc")
    real, fake = normal(seed, n, 3), normal(seed + 1, n + 2, 3) * 0.8
    with redirect_stdout(io.StringIO()):
        reference = prdc.compute_prdc(real, fake, nearest_k=5)
    found = distribution.manifold_scores(real, fake, 5)
    assert {name: float(scores.mean()) for name, scores in found.items()} == pytest.approx(reference, **CLOSE)
    with pytest.raises(ValueError, match="needs more than 5"):
        distribution.manifold_scores(real[:5], fake)


@settings(max_examples=20)
@given(SEEDS, st.integers(2, 12))
def test_the_vendi_score_is_its_entropy(seed: int, n: int) -> None:
    x = normal(seed, n, 5)
    kernel = np.array([[cosine(a, b) for b in x] for a in x]) / n
    eigenvalues = np.linalg.eigvalsh(kernel)
    positive = eigenvalues[eigenvalues > 1e-12]
    assert value(distribution.vendi_score(x), n) == pytest.approx(
        np.exp(-np.sum(positive * np.log(positive))), **CLOSE
    )
    assert value(distribution.vendi_score(np.tile(x, (3, 1))), 3 * n) == pytest.approx(
        value(distribution.vendi_score(x), n), **CLOSE
    )
    assert value(distribution.vendi_score(np.eye(4)), 4) == pytest.approx(4)


def test_memorisation_finds_copies_and_passes_fresh_data() -> None:
    rng = np.random.default_rng(0)
    training, test, fresh = (rng.normal(size=(400, 6)) for _ in range(3))
    assert distribution.is_memorised(training[:20], training, test).mean() == 1
    assert distribution.is_memorised(fresh, training, test).mean() < 0.05


def test_nan_features_are_not_a_score_of_zero() -> None:
    x, broken = normal(0, 9, 3), normal(1, 9, 3)
    broken[0, 0] = np.nan
    assert all(np.isnan(scores).all() for scores in distribution.manifold_scores(x, broken).values())
    assert np.isnan(distribution.is_memorised(broken, x, x)[0])
    assert np.isnan(value(distribution.vendi_score(broken), 9))


# --- artefacts


def test_blur_lowers_sharpness_and_fine_detail() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    smooth = noise.copy()
    for _ in range(3):
        smooth = (
            (
                smooth.astype(int)
                + np.roll(smooth, 1, 1)
                + np.roll(smooth, 1, 2)
                + np.roll(smooth, (1, 1), (1, 2))
            )
            // 4
        ).astype(np.uint8)
    assert (artefacts.sharpness(smooth) < artefacts.sharpness(noise)).all()
    assert (artefacts.high_frequency_ratio(smooth) < artefacts.high_frequency_ratio(noise)).all()
    assert np.isnan(artefacts.high_frequency_ratio(np.full((1, 8, 8, 3), 7, np.uint8))).all()


@settings(max_examples=10)
@given(SEEDS)
def test_artefact_measures_equal_their_definitions(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    luma = image.astype(float) @ [0.299, 0.587, 0.114]
    padded = np.pad(luma, 1, mode="edge")
    laplacian = [
        padded[i - 1, j] + padded[i + 1, j] + padded[i, j - 1] + padded[i, j + 1] - 4 * padded[i, j]
        for i in range(1, 9)
        for j in range(1, 9)
    ]
    assert artefacts.sharpness(image[None])[0] == pytest.approx(np.var(laplacian), rel=1e-5)
    total = high = 0.0
    for u in range(8):
        for v in range(8):
            if (u, v) != (0, 0):
                wave = np.exp(-2j * np.pi * (u * np.arange(8)[:, None] + v * np.arange(8)[None, :]) / 8)
                energy = abs(np.sum(luma * wave)) ** 2
                total += energy
                high += energy * (np.hypot(min(u, 8 - u) / 8, min(v, 8 - v) / 8) > 0.25)
    assert artefacts.high_frequency_ratio(image[None])[0] == pytest.approx(high / total, rel=1e-4)


# --- bias in data, generators and captions


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


@settings(max_examples=30)
@given(SEEDS)
def test_slope_and_rank_correlation_are_scipys(seed: int) -> None:
    shares, world = (
        np.round(np.random.default_rng(seed).random((2, 8)), 1),
        np.random.default_rng(seed + 1).random(8),
    )
    for row, found in zip(shares, slope(shares, world), strict=True):
        assert found == pytest.approx(stats.linregress(world, row).slope, rel=1e-5, abs=1e-8)
    for row, found in zip(shares, rank_correlation(shares, world), strict=True):
        assert found == pytest.approx(stats.spearmanr(world, row).statistic, **CLOSE)


def test_a_prompts_audit() -> None:
    found = audit_prompt("a photo of a cook", ["man", "man", "woman", "man"], ("man", "woman"))
    assert (found.n, found.majority, found.majority_share, found.sd) == (4, "man", 0.75, 0.25)
    assert found.shares["woman"][0] == 0.25
    with pytest.raises(ValueError, match="no pictures"):
        audit_prompt("x", [], ("man",))


@settings(max_examples=30)
@given(SEEDS)
def test_bias_amplification_equals_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, eye2, eye3 = 40, np.eye(2), np.eye(3)
    a, t, said_a, said_t = (rng.integers(0, k, n) for k in (2, 3, 2, 3))
    train_a, train_t = rng.integers(0, 2, 50), rng.integers(0, 3, 50)
    lean = amplification.lean_of(eye2[train_a], eye3[train_t])
    to_task, to_attribute = [], []
    for i in range(2):
        for j in range(3):
            y = np.mean((train_a == i) & (train_t == j)) > np.mean(train_a == i) * np.mean(train_t == j)
            assert lean[i, j] == y
            sign = 1 if y else -1
            to_task.append(sign * (np.mean(said_t[a == i] == j) - np.mean(t[a == i] == j)))
            to_attribute.append(sign * (np.mean(said_a[t == j] == i) - np.mean(a[t == j] == i)))
    assert value(amplification.attribute_to_task(lean, eye2[a], eye3[t], eye3[said_t]), n) == pytest.approx(
        np.mean(to_task), **CLOSE
    )
    assert value(amplification.task_to_attribute(lean, eye2[a], eye3[t], eye2[said_a]), n) == pytest.approx(
        np.mean(to_attribute), **CLOSE
    )
    assert value(amplification.attribute_to_task(lean, eye2[a], eye3[t], eye3[t]), n) == pytest.approx(
        0, abs=1e-9
    )


def test_omission_and_subordination() -> None:
    left_out = harms.omission(10, 100, 0.5)
    reference = stats.binomtest(10, 100).proportion_ci(method="wilson")
    assert (left_out.value, left_out.low, left_out.high) == pytest.approx(
        (0.2, reference.low / 0.5, reference.high / 0.5), abs=1e-5
    )
    ratio = harms.subordination(30, 50, 10, 50)
    katz = relative_risk(30, 50, 10, 50).confidence_interval(0.95)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((3.0, katz.low, katz.high), rel=1e-5)
    assert harms.subordination(0, 50, 0, 50).value == 1
    smoothed = harms.subordination(0, 50, 10, 50)
    assert smoothed.value == pytest.approx((1 / 51) / (11 / 51))
    with pytest.raises(ValueError, match="at least one answer"):
        harms.omission(0, 0, 0.5)


@settings(max_examples=20)
@given(SEEDS)
def test_weat_equals_its_definition(seed: int) -> None:
    x, y, a, b = (normal(seed + i, n, 5) for i, n in enumerate((5, 4, 3, 6)))

    def s(w: np.ndarray) -> float:
        return float(np.mean([cosine(w, p) for p in a]) - np.mean([cosine(w, q) for q in b]))

    scores_x, scores_y = [s(w) for w in x], [s(w) for w in y]
    d = (np.mean(scores_x) - np.mean(scores_y)) / np.std(scores_x + scores_y, ddof=1)
    found = association.association_test(x, y, a, b, num_permutations=200)
    assert found.effect_size == pytest.approx(d, **CLOSE)
    everything = np.array(scores_x + scores_y)
    chosen = [np.isin(np.arange(9), five) for five in combinations(range(9), 5)]
    extreme = [everything[x].mean() - everything[~x].mean() for x in chosen]
    exact = np.mean([difference >= np.mean(scores_x) - np.mean(scores_y) - 1e-12 for difference in extreme])
    assert found.p_value == pytest.approx(exact, abs=0.15)


# --- captions

CAPTIONS = (
    "a man next to a dog in a park",
    "a woman with a cup",
    "a photo of a cook",
    "someone and a cat on a street",
)
REFERENCES = [["a man beside a dog in a park", "a person and a dog"],
              ["a woman and a cup", "a female cook with a cup"], ["a picture of a cook"] * 2,
              ["a cat on a street", "a woman and a cat on a street"]]  # fmt: skip


def test_caption_scores_are_pycocoevalcaps() -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    truth = dict(enumerate(REFERENCES))
    written = {i: [text] for i, text in enumerate(CAPTIONS)}
    reference = Bleu(4).compute_score(truth, written, verbose=0)[0][3]
    assert value(bleu4(CAPTIONS, REFERENCES), 4) == pytest.approx(reference, rel=1e-5)
    subset = np.array([[2, 0, 1, 0]], np.float32)
    drawn = [0, 0, 2]
    repeated = Bleu(4).compute_score(
        {i: REFERENCES[j] for i, j in enumerate(drawn)},
        {i: [CAPTIONS[j]] for i, j in enumerate(drawn)},
        verbose=0,
    )[0][3]
    assert bleu4(CAPTIONS, REFERENCES)(subset, np.ones(4, bool))[0] == pytest.approx(repeated, rel=1e-5)
    assert rouge_l(["a Man, next to a dog."], [["a man next to a dog"]])[0] == pytest.approx(1)
    assert cider_d(["nothing alike", *CAPTIONS[1:]], REFERENCES)[0] == 0
    identical = cider_d([r[0] for r in REFERENCES], REFERENCES)
    assert (identical >= cider_d(CAPTIONS, REFERENCES) - 1e-6).mean() >= 0.75


def test_meteor_scores_a_perfect_caption_highest_where_there_is_java() -> None:
    scores = meteor(["a man next to a dog", "a cat"], [["a man next to a dog"], ["a man next to a dog"]])
    if scores is None:
        pytest.skip("no java here")
    assert scores[0] > 0.9
    assert scores[1] < 0.3


def test_lic_masks_balances_and_counts_confidence() -> None:
    assert lic.mask_words("A woman and her dog") == "a [mask] and [mask] dog"
    assert lic.within_vocabulary("a [mask] with a zebra", {"a", "with"}) == "a [mask] with a [unk]"
    train, test = lic.balanced_split(["man"] * 30 + ["woman"] * 10, seed=0)
    assert (len(train), len(test)) == (18, 2)
    assert (np.concatenate([train, test]) < 30).sum() == 10
    assert not set(train) & set(test)
    with pytest.raises(ValueError, match="fewer than two classes"):
        lic.balanced_split(["man"] * 5, 0)
    with pytest.raises(ValueError, match="woman has too few"):
        lic.balanced_split(["man"] * 5 + ["woman"], 0)
    uninformed = lic.leakage(np.full((4, 2), 0.5), np.array([0, 1, 0, 1]))
    assert uninformed.mean() == pytest.approx(25)


# --- every metric that goes by group does not mind the order of the items


@settings(max_examples=10)
@given(SEEDS)
def test_values_do_not_depend_on_the_items_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(20, 4)), rng.choice(["man", "woman"], 20).tolist()
    order = rng.permutation(20)
    weights = resampling_weights(20, 5, 0)
    for measure in (self_similarity, homogenisation, distribution.vendi_score):
        first = by_group(measure(x), {"gender": labels}, {"gender": ("man", "woman")}, 20, weights)
        second = by_group(
            measure(x[order]),
            {"gender": [labels[i] for i in order]},
            {"gender": ("man", "woman")},
            20,
            weights,
        )
        for group, e in first.items():
            assert (e.value is None) == (second[group].value is None)
            if e.value is not None:
                assert e.value == pytest.approx(second[group].value, rel=1e-4, abs=1e-5)
