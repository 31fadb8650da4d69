"""What a generator draws for neutral prompts, against the world."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from loopsim.metrics.audit import audit_prompt, rank_correlation, shares_against_world, slope
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
