"""Distances between sets of pictures, and their variety, against formulas and prdc."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from loopsim.metrics import distribution
from tests.helpers.oracles import CLOSE, SEEDS, cosine, normal, value


def unit(seed: int, *shape: int) -> np.ndarray:
    x = normal(seed, *shape)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


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


def test_kid_and_cmmd_of_unit_features_are_both_the_distance_of_the_means() -> None:
    """As docs/metrics.md says: two verdicts on them are one."""
    real, found = unit(0, 200, 64), []
    for seed in range(1, 16):
        fake = normal(seed, 200, 64)
        fake[:, :3] += 0.4 * normal(100 + seed, 3)
        fake /= np.linalg.norm(fake, axis=1, keepdims=True)
        apart = np.sum((real.mean(0) - fake.mean(0)) ** 2)
        found.append([value(measure(real, fake), 200) for measure in (distribution.kid, distribution.cmmd)])
        found[-1].append(apart)
    kid, cmmd, apart = np.transpose(found)
    assert np.corrcoef(kid, cmmd)[0, 1] > 0.999
    assert np.polyfit(apart, kid, 1)[0] == pytest.approx(3 / 64, rel=0.1)
    assert np.polyfit(apart, cmmd, 1)[0] == pytest.approx(10, rel=0.1)


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


@pytest.mark.parametrize("num_twins", [0, 1, 8, 400])
def test_a_copy_counts_however_many_real_test_pictures_have_twins(num_twins: int) -> None:
    training, test, fresh = (unit(seed, 400, 6) for seed in range(3))
    test[:num_twins] = training[:num_twins]
    copies = training[:20] + 0.001 * unit(3, 20, 6)  # the noise of another batch in 16 bits
    assert distribution.is_memorised(np.concatenate([training[:20], copies]), training, test).mean() == 1
    assert distribution.is_memorised(fresh, training, test).mean() < 0.05


def test_twins_of_real_pictures_do_not_move_the_limit_for_near_copies() -> None:
    training, test = unit(0, 400, 6), unit(1, 400, 6)
    near = training[:100] + 0.02 * unit(2, 100, 6)
    without = distribution.is_memorised(near, training, test)
    twins = np.concatenate([test, training[:40]])
    assert without.all()
    assert (distribution.is_memorised(near, training, twins) == without).all()


def test_nan_features_are_not_a_score_of_zero() -> None:
    x, broken = normal(0, 9, 3), normal(1, 9, 3)
    broken[0, 0] = np.nan
    assert all(np.isnan(scores).all() for scores in distribution.manifold_scores(x, broken).values())
    assert np.isnan(distribution.is_memorised(broken, x, x)[0])
    assert np.isnan(value(distribution.vendi_score(broken), 9))
