"""Omission and subordination against scipy's intervals, and against slow versions in fractions."""

import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import relative_risk

from loopsim.metrics import harms
from loopsim.metrics.estimate import resampling_weights


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
    with pytest.raises(ValueError, match="both roles"):
        harms.subordination(1, 0, 1, 5)


def test_two_zero_counts_are_far_from_saying_that_roles_are_alike() -> None:
    """One is added to all four counts, as the authors' code does, and Katz's interval taken of that."""
    for m, n in ((50, 50), (20, 300)):
        found = harms.subordination(0, m, 0, n)
        katz = relative_risk(1, m + 1, 1, n + 1)
        interval = katz.confidence_interval(0.95)
        half = (interval.high / interval.low) ** 0.5
        assert (found.value, found.low, found.high) == pytest.approx((1, 1 / half, half), rel=1e-5)
    assert harms.subordination(0, 50, 0, 50).low == pytest.approx(0.064, abs=0.001)
    assert harms.subordination(0, 50, 0, 50).high == pytest.approx(15.6, abs=0.1)


def test_one_zero_count_has_the_interval_of_the_smoothed_counts() -> None:
    found, katz = harms.subordination(0, 50, 10, 60), relative_risk(1, 51, 11, 61)
    interval = katz.confidence_interval(0.95)
    expected = katz.relative_risk, interval.low, interval.high
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-5)


def test_resampled_subordination_is_that_of_each_resample() -> None:
    rng = np.random.default_rng(0)
    member, roles, weights = rng.random(60) < 0.4, rng.integers(0, 3, 60), resampling_weights(60, 30, 1)
    found = harms.resampled_subordination(member, roles == 0, roles == 1, weights)
    assert found.n == (roles < 2).sum()
    assert found.replicates is not None
    for w, replicate in zip(weights.astype(int), found.replicates, strict=True):
        drawn, role = np.repeat(member, w), np.repeat(roles, w)
        counts = [np.sum(drawn & (role == r)) if of else np.sum(role == r) for r in (0, 1) for of in (1, 0)]
        assert replicate == pytest.approx(harms.subordination(*counts).value, rel=1e-5)
    nobody = harms.resampled_subordination(np.zeros(60, bool), roles == 0, roles == 1, weights)
    assert (nobody.value, np.isfinite(nobody.replicates).any()) == (1, False)
    # One person in a role, or nobody: 1 in 8 of two such sets would seem to differ.
    alone = (roles == 0) | (np.arange(60) == np.flatnonzero(roles == 1)[0])
    one = harms.resampled_subordination(alone, roles == 0, roles == 1, weights)
    assert one.low < one.value < one.high
    assert not np.isfinite(one.replicates).any()
    assert harms.resampled_subordination(member, roles > 9, roles == 1, weights).reason


def slow_subordination(a: Fraction, m: Fraction, b: Fraction, n: Fraction) -> Fraction:
    """R_sub in exact fractions, the paper read word by word."""
    if a == b == 0:
        return Fraction(1)
    if a < 1 or b < 1:
        epsilon = min(Fraction(1), max(a, b))
        a, m, b, n = (count + epsilon for count in (a, m, b, n))
    return (a / m) / (b / n)


@pytest.mark.parametrize(
    ("counts", "published"),
    [(("30", 1000, "10", 1000), 3.0), (("12", 1000, "0", 1000), 13.0), (("0.4", 1000, "0", 900), 1.8)],
)
def test_the_published_values_come_out_exactly(counts: tuple[str, int, str, int], published: float) -> None:
    found = harms.subordination(*map(float, counts))
    exact = slow_subordination(*map(Fraction, counts))
    assert found.value == pytest.approx(float(exact), rel=4e-16)  # the last bit of a float
    # ε on all four counts makes the last one 1.80008: published to one decimal, and equal to three.
    assert found.value == published or (published == 1.8 and round(found.value, 3) == 1.8)
    assert found.low <= found.value <= found.high


counts_of = st.one_of(st.just(0.0), st.floats(0.01, 50))


@given(counts_of, counts_of, st.integers(50, 500), st.integers(50, 500))
def test_many_ratios_are_those_of_one_and_roles_swapped_are_the_inverse(
    a: float, b: float, m: int, n: int
) -> None:
    (many,) = harms.subordination_ratios(*(np.array([count]) for count in (a, m, b, n)))
    one = harms.subordination(a, m, b, n)
    swapped = harms.subordination(b, n, a, m)
    assert one.value == pytest.approx(1 / swapped.value)
    assert one.low == pytest.approx(1 / swapped.high)
    if a == b == 0:
        assert np.isnan(many)
    else:
        assert many == pytest.approx(one.value)


def test_ratios_without_answers_for_a_role_are_none() -> None:
    found = harms.subordination_ratios(*(np.array(c, float) for c in ([0, 1], [0, 3], [2, 1], [5, 0])))
    assert np.isnan(found).all()


def test_population_shares_of_intersections_are_products() -> None:
    assert harms.population_share("black", "woman") == pytest.approx(0.136 * 0.508)
    assert harms.population_share("mena") == 0.0379
    assert sum(harms.population_share(gender) for gender in ("woman", "man", "nonbinary")) == pytest.approx(1)
    with pytest.raises(KeyError):
        harms.population_share("martian")


def slow_median(likelihoods: list[float], lesser: list[int], greater: list[int]) -> tuple[float, dict]:
    """The median racialised subordination ratio by loops, and its curve."""
    ratios, curve = [], {}
    for t in range(1, 100):
        kept = [i for i, p in enumerate(likelihoods) if p > t / 100 and lesser[i] + greater[i] > 0]
        if not kept:
            continue
        a, b = sum(lesser[i] for i in kept), sum(greater[i] for i in kept)
        ratio = float(slow_subordination(*map(Fraction, (a, sum(lesser), b, sum(greater)))))
        ratios.append(ratio)
        if len(kept) >= 5:
            curve[t] = (ratio, len(kept))
    return statistics.median(ratios), curve


@given(st.integers(0, 2**32), st.integers(3, 20))
def test_the_median_ratio_is_that_of_loops(seed: int, num_names: int) -> None:
    rng = np.random.default_rng(seed)
    likelihoods = rng.integers(0, 101, num_names) / 100
    lesser, greater = rng.integers(0, 6, (2, num_names))
    if lesser.sum() == 0 or greater.sum() == 0:
        return
    found = harms.median_subordination(likelihoods, lesser, greater)
    if not likelihoods[(lesser + greater) > 0].max() > 0.01:
        assert found is None
        return
    assert found is not None
    value, curve = slow_median(likelihoods.tolist(), lesser.tolist(), greater.tolist())
    assert found.value == pytest.approx(value)
    assert {t: (pytest.approx(ratio), n) for t, ratio, n in found.curve} == curve
    assert found.num_names == int(((lesser + greater) > 0).sum())
    assert found.low <= found.value <= found.high


def test_nobody_of_a_gender_or_a_race_has_no_median() -> None:
    names, some, none = np.array([0.5, 0.0]), np.array([0, 3]), np.array([0, 0])
    assert harms.median_subordination(names, some, none) is None
    assert harms.median_subordination(names, some, some) is None  # only the name that is never of the race
    assert harms.median_subordination(np.zeros(0), np.zeros(0, int), np.zeros(0, int)) is None


def test_the_median_ratios_interval_covers_the_truth() -> None:
    """Over many draws of characters, the interval holds the ratio that their shares have."""
    rng = np.random.default_rng(0)
    likelihoods = np.linspace(0.02, 0.98, 12)
    lesser, greater = (np.linspace(1, top, 12) / np.linspace(1, top, 12).sum() for top in (3, 1 / 3))
    truth = harms.median_subordination(likelihoods, (1e6 * lesser).astype(int), (1e6 * greater).astype(int))
    assert truth is not None
    hits = 0
    for _ in range(200):
        found = harms.median_subordination(likelihoods, *(rng.multinomial(60, s) for s in (lesser, greater)))
        assert found is not None
        hits += found.low <= truth.value <= found.high
    assert 0.92 <= hits / 200 <= 1
