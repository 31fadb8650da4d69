"""Plural curation: ranks are added within a prompt, as an independent, slow count says."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Candidate
from loopsim.interventions.plural_curation import PluralCuration, ranked

FEW = st.sampled_from([-1.0, 0.0, 0.25, 1.0])  # ties are likely
POOLS = st.lists(
    st.tuples(st.integers(0, 4), FEW, FEW, st.sampled_from(["man", "woman"]), st.booleans()), max_size=24
)


def pool_of(drawn: list[tuple]) -> list[Candidate]:
    drawn = sorted(drawn, key=lambda one: one[0])
    return [
        Candidate(
            i, i, group, "", clip, {"gender": gender, "skin_tone": "darker"}, True,
            "a female cook" if stated else "a cook", {"encoder": encoder},
        )
        for i, (group, clip, encoder, gender, stated) in enumerate(drawn)
    ]  # fmt: skip


def slow(pool: list[Candidate]) -> list[int]:
    """The best of each group: count for each reward whom it beats, a tie as half a win."""
    winners = []
    for _, members in groupby(pool, key=lambda c: c.group):
        group = list(members)

        def rewards(c: Candidate) -> tuple[float, float, float]:
            agrees = 1.0 if "female" not in c.prompt else float(c.labels["gender"] == "woman")
            return c.score, c.rewards["encoder"], agrees

        def places(c: Candidate, group: list[Candidate] = group) -> list[float]:
            found = []
            for r in range(3):
                mine, others = rewards(c)[r], [rewards(o)[r] for o in group if o is not c]
                found.append(1 + sum(o > mine for o in others) + 0.5 * sum(o == mine for o in others))
            return found

        winners.append(min(group, key=lambda c: (sum(places(c)), max(places(c)), -c.score, c.index)).index)
    return winners


@given(POOLS, st.integers(0, 6))
def test_the_best_mean_rank_of_each_prompt(drawn, num: int) -> None:
    pool = pool_of(drawn)
    chosen = PluralCuration().select(pool, num, np.random.default_rng(0))
    assert chosen == slow(pool)[:num]


@given(st.lists(FEW, min_size=1, max_size=12))
def test_ranks_are_scipys(values: list[float]) -> None:
    from scipy.stats import rankdata

    assert ranked(values).tolist() == rankdata([-v for v in values]).tolist()


def test_clip_alone_is_best_of_k_and_one_candidate_is_nothing() -> None:
    pool = pool_of([(0, 0.25, 1.0, "man", True), (0, 1.0, -1.0, "man", True), (1, 0.0, 0.0, "man", False)])
    alone = PluralCuration(rewards=("clip",))
    chosen = alone.select([*pool], 2, np.random.default_rng(0))
    assert chosen == [1, 2]
    assert alone.told(pool, chosen) == {"also_best_by_clip": 1.0}
    assert not PluralCuration(num_candidates=1).acts()
    assert (
        PluralCuration(num_candidates=3).pool_size(5) == 15 == 5 * PluralCuration(num_candidates=3).copies()
    )


def test_agreement_needs_a_classifier_that_knows_and_an_encoder_has_to_be_there() -> None:
    with pytest.raises(ConfigError, match="'skin_tone': the classifier does not know it"):
        PluralCuration().check(None, {"gender": ("man", "woman")})  # type: ignore[arg-type]
    PluralCuration(rewards=("clip", "encoder")).check(None, {})  # type: ignore[arg-type]
    nowhere = PluralCuration(rewards=("clip",), encoders=({"model": "no-such-clip"},))
    with pytest.raises(ConfigError, match="no-such-clip"):
        nowhere.check(None, {})  # type: ignore[arg-type]
    assert nowhere.content()["encoders"] == [["no-such-clip", None]]
