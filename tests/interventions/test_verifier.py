"""Verifier keeps what shows all that its prompt states, in curation's order, and never fills up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Candidate
from loopsim.interventions.verifier import Verifier

GENDERS, TONES = ("man", "woman"), ("lighter", "darker")
PROMPTS = {
    "a photo of a cook": {},
    "a photo of a female cook": {"gender": "woman"},
    "a man with dark skin": {"gender": "man", "skin_tone": "darker"},
    "a person with light skin": {"skin_tone": "lighter"},
    "a man and a woman": {},
}
CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from(list(PROMPTS)),
        st.sampled_from(GENDERS),
        st.sampled_from(TONES),
        st.floats(-1, 1),
        st.booleans(),
    ),
    max_size=30,
)


def pool_of(drawn: list[tuple]) -> list[Candidate]:
    return [
        Candidate(i, i, i, "", score, {"gender": gender, "skin_tone": tone}, kept, prompt)
        for i, (prompt, gender, tone, score, kept) in enumerate(drawn)
    ]


@given(CANDIDATES, st.integers(0, 30))
def test_only_what_agrees_is_kept_and_all_of_it_if_it_can_be(drawn, num: int) -> None:
    pool = pool_of(drawn)
    chosen = Verifier().select(pool, num, np.random.default_rng(0))
    right = [
        i
        for i, (prompt, gender, tone, *_) in enumerate(drawn)
        if all({"gender": gender, "skin_tone": tone}[a] == v for a, v in PROMPTS[prompt].items())
    ]
    assert set(chosen) <= set(right)
    assert len(chosen) == min(num, len(right))
    # What curation keeps goes before what it does not; the rest goes by score.
    passed_over = set(right) - set(chosen)
    assert not any(drawn[i][4] and not drawn[j][4] for i in passed_over for j in chosen)
    for i in passed_over:
        for j in chosen:
            if not drawn[i][4] and not drawn[j][4]:
                assert drawn[i][3] <= drawn[j][3]
    told = Verifier().told(pool, chosen)
    assert told["refused"] == len(drawn) - len(right)
    assert told["stating"] == sum(bool(PROMPTS[prompt]) for prompt, *_ in drawn)


def test_without_attributes_it_does_nothing() -> None:
    assert not Verifier(attributes=()).acts()
    assert Verifier(attributes=()).pool_size(10) == 10
    assert Verifier(overdraw=1.25).pool_size(10) == 13


def test_an_attribute_of_ones_own_needs_words_that_the_classifier_can_answer() -> None:
    labels = {"gender": GENDERS, "age": ("old", "young")}
    with pytest.raises(ConfigError, match=r"how do prompts state it\? Give words = \{age"):
        Verifier(attributes=("age",)).check(None, labels)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'skin_tone': the classifier does not know it"):
        Verifier().check(None, labels)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"words.age.ancient: no value"):
        Verifier(attributes=("age",), words={"age": {"ancient": ("old",)}}).check(None, labels)  # type: ignore[arg-type]
    own = Verifier(attributes=("age",), words={"age": {"old": ("elderly",)}})
    own.check(None, labels)  # type: ignore[arg-type]
    assert own.stated("an elderly cook") == {"age": "old"}


def test_who_shows_nobody_does_not_show_what_a_prompt_states() -> None:
    pool = pool_of([(prompt, "", "", 0.0, True) for prompt in PROMPTS])
    chosen = Verifier().select(pool, 9, np.random.default_rng(0))
    assert [list(PROMPTS)[i] for i in chosen] == [prompt for prompt, stated in PROMPTS.items() if not stated]
    assert Verifier().told(pool, chosen)["refused woman"] == 1
