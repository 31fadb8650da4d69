"""A classifier's errors: how shares are corrected for them, and how sure that is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.metrics.confusion import MOST_AMPLIFIED, Confusion, corrected_shares
from loopsim.metrics.estimate import resampling_weights
from loopsim.metrics.representation import representation
from tests.helpers.oracles import SEEDS


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


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_what_can_be_corrected_is_not_blown_up(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    found = Confusion.of(rng.multinomial(500, rng.dirichlet(np.full(k, 0.3)), size=k).T)
    if found.trouble is None:
        observed, error = rng.dirichlet(np.ones(k)), rng.normal(0, 1e-3, k)
        before, after = (corrected_shares(shares, found.rates) for shares in (observed, observed + error))
        assert np.abs(after - before).sum() <= 2 * MOST_AMPLIFIED * np.abs(error).sum() + 1e-9
    assert Confusion.of(100 * np.eye(k)).trouble is None
    assert Confusion.of(np.ones((k, k))).trouble is not None


@pytest.mark.parametrize("counts", [(), ((1, 2),), ((1, 0), (1, 0)), ((1, -1), (1, 2))])
def test_what_is_no_table_of_counts_is_refused(counts: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="no counts of k groups"):
        Confusion(counts)


def test_draws_are_the_same_for_all_generations_and_lie_around_the_counts() -> None:
    found = Confusion(((80, 5), (20, 95)))
    draws = found.draws(4000)
    assert np.array_equal(draws, found.draws(4000))
    assert draws.sum(1) == pytest.approx(1)
    assert draws.mean(0) == pytest.approx(found.rates, abs=0.01)
    assert draws[:, 0, 0].std() == pytest.approx(np.sqrt(0.8 * 0.2 / 100), rel=0.1)
    assert Confusion(((8000, 0), (0, 8000))).draws(100).std(0).max() < 1e-3


def coverage(confusion_is_known: bool) -> float:
    """Return how often the interval of a corrected share holds the truth, with 400 labelled pictures."""
    rng = np.random.default_rng(0)
    true, rates, held = np.array([0.6, 0.4]), np.array([[0.9, 0.15], [0.1, 0.85]]), 0
    for _ in range(REPETITIONS):
        # A perfectly known matrix of the same rates: what was assumed before.
        counts = np.stack([rng.multinomial(200, rates[:, j]) for j in range(2)], 1)
        labels = ["man" if x else "woman" for x in rng.random(1000) < (rates @ true)[0]]
        found = representation(
            labels,
            ("man", "woman"),
            "gender",
            resampling_weights(1000, 300, 1),
            Confusion.of(counts * (10**6 if confusion_is_known else 1)),
        )["gender=man"]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true[0] <= found.high
    return held / REPETITIONS


REPETITIONS = 200


def test_the_interval_of_a_corrected_share_holds_the_error_of_the_confusion() -> None:
    assert coverage(confusion_is_known=True) < 0.85
    assert coverage(confusion_is_known=False) >= 0.91


@settings(max_examples=50)
@given(SEEDS, st.integers(2, 5))
def test_correction_undoes_that_some_groups_are_overlooked_more_often(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    confusion = 0.8 * np.eye(k) + 0.2 * rng.dirichlet(np.ones(k), size=k).T
    labelled, true = rng.uniform(0.3, 1, k), rng.dirichlet(np.ones(k))
    rates = np.vstack([confusion * labelled, 1 - labelled])
    observed = (confusion * labelled) @ true
    assert corrected_shares(observed / observed.sum(), rates) == pytest.approx(true, abs=1e-6)
    # Of a classifier that labels everything the row of abstentions changes nothing.
    plain = corrected_shares(confusion @ true, confusion)
    assert corrected_shares(confusion @ true, np.vstack([confusion, np.zeros(k)])) == pytest.approx(plain)


def test_a_group_that_hardly_ever_gets_a_label_cannot_be_corrected() -> None:
    assert Confusion(((90, 8), (2, 72), (8, 20))).trouble is None
    for counts in (((95, 0), (0, 5), (5, 95)), ((95, 0), (0, 0), (5, 100)), ((0, 0), (0, 0), (9, 9))):
        trouble = Confusion(counts).trouble
        assert trouble is not None
        assert trouble.startswith("the classifier gives one of these groups hardly ever a label (")
    assert Confusion(((9, 9), (1, 1), (0, 0))).trouble == (
        "the classifier cannot tell these groups apart (worst row 0.10)"
    )


def test_the_interval_holds_the_truth_where_women_are_overlooked_more_often() -> None:
    """Uncorrected for that, shares are of those whom the classifier sees: too few women."""
    rng = np.random.default_rng(0)
    true, held, naive = np.array([0.5, 0.5]), 0, 0
    rates = np.array([[0.85, 0.09], [0.07, 0.61], [0.08, 0.30]])
    names = np.array(["man", "woman", ""])
    for _ in range(REPETITIONS):
        counts = np.stack([rng.multinomial(300, rates[:, j]) for j in range(2)], 1)
        labels = list(rng.choice(names, 1000, p=rates @ true))
        weights = resampling_weights(1000, 300, 1)
        with_, without = (
            representation(labels, ("man", "woman"), "gender", weights, Confusion.of(c))["gender=woman"]
            for c in (counts, counts[:2])
        )
        held += with_.low <= true[1] <= with_.high
        naive += without.low <= true[1] <= without.high
    assert held / REPETITIONS >= 0.91
    assert naive / REPETITIONS < 0.5
