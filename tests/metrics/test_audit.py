"""What a generator draws for neutral prompts, against the world."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import optimize, stats

from loopsim.metrics.audit import (
    audit_prompt,
    rank_correlation,
    shares_against_world,
    slope,
    slope_interval,
)
from tests.helpers.oracles import CLOSE, SEEDS


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
    some = audit_prompt("a photo of a cook", ["man", "", "woman", "man", "", "man"], ("man", "woman"))
    assert (some.n, some.unlabelled, some.num_pictures, some.shares) == (4, 2, 6, found.shares)
    nobody = audit_prompt("a photo of a cook", ["", ""], ("man", "woman"))
    assert (nobody.n, nobody.unlabelled, nobody.shares) == (0, 2, {})
    assert (nobody.majority, nobody.majority_share, nobody.sd) == ("", None, None)
    with pytest.raises(ValueError, match="no pictures"):
        audit_prompt("x", [], ("man",))


WORLD = np.array([0.02, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.95])
TRUTHS = {
    "as the world": WORLD,
    "flat": np.full(8, 0.5),
    "steeper": 1 / (1 + (1 / WORLD - 1) ** 2),
    "all or none": np.where(WORLD > 0.5, 0.99, 0.01),
    "half": 0.25 + 0.5 * WORLD,
}


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("num_pictures", [10, 20, 50])
def test_the_slopes_interval_holds_the_truth(name: str, num_pictures: int) -> None:
    rng, shares, runs = np.random.default_rng(num_pictures), TRUTHS[name], 200
    truth = stats.linregress(WORLD, shares).slope
    n = np.full(len(WORLD), num_pictures)
    found = [slope_interval(rng.binomial(n, shares), n, WORLD) for _ in range(runs)]
    held = np.mean([low <= truth <= high for low, high in found])
    assert held > 0.9, held  # of 200: 0.95 less three standard errors
    wrong = np.mean([low > max(1, truth) or high < min(1, truth) for low, high in found])
    assert wrong < 0.08, wrong


def test_few_pictures_make_a_wide_interval_not_none() -> None:
    """The bootstrap over one picture a prompt had no width at all with two prompts."""
    two, one = np.array([0.1, 0.9]), np.ones(2)
    low, high = slope_interval(np.array([0, 1]), one, two)
    assert low < 0 < 1 < high
    assert high == pytest.approx(1 / 0.8)  # no slope is steeper than from none to all
    for few in (1, 2, 3):
        n = np.full(8, few)
        low, high = slope_interval(np.where(WORLD > 0.5, few, 0), n, WORLD)
        assert high - low > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_its_ends_are_where_the_likeliest_shares_of_that_slope_are_1_96_away(seed: int) -> None:
    """Against a search for the likeliest shares under the constraint, by another algorithm."""
    rng = np.random.default_rng(seed)
    n = rng.integers(4, 40, 5)
    counts, world = rng.binomial(n, rng.random(5)), np.sort(rng.random(5))
    weights = (world - world.mean()) / np.square(world - world.mean()).sum()
    for end in slope_interval(counts, n, world):

        def surprise(shares: np.ndarray) -> float:
            return -float(stats.binom.logpmf(counts, n, shares.clip(1e-9, 1 - 1e-9)).sum())

        on_the_line = {"type": "eq", "fun": lambda shares, end=end: weights @ shares - end}
        likeliest = optimize.minimize(
            surprise, np.full(5, 0.5), bounds=[(1e-6, 1 - 1e-6)] * 5, constraints=on_the_line,
            options={"maxiter": 1000, "ftol": 1e-12},
        ).x  # fmt: skip
        sd = np.sqrt((weights**2 * likeliest * (1 - likeliest) / n).sum())
        assert abs(weights @ (counts / n) - end) / sd == pytest.approx(1.96, abs=0.02)
