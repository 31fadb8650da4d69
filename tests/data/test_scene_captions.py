"""A caption of the pocket world states its facts and no others."""

from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.rng import numpy_generator
from loopsim.data.openmoji import BACKGROUNDS, GENDERS, OBJECTS, PROFESSIONS, SKIN_TYPES
from loopsim.data.scene_captions import Facts, describe, parse


def maybe(values) -> st.SearchStrategy:
    return st.none() | st.sampled_from(list(values))


@given(
    maybe(PROFESSIONS),
    maybe(GENDERS),
    maybe(SKIN_TYPES),
    maybe(OBJECTS),
    maybe(BACKGROUNDS),
    st.integers(0, 1000),
)
def test_a_caption_states_its_facts_and_no_others(profession, gender, skin_type, thing, place, seed) -> None:
    facts = Facts(profession, gender, skin_type, thing, place)
    assert (
        parse(describe(facts, numpy_generator(seed)), PROFESSIONS, SKIN_TYPES, OBJECTS, BACKGROUNDS) == facts
    )
