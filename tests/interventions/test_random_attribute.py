"""Random attribute writes into open prompts only, to the weights asked for, and never into captions."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.gendered_words import caption_gender
from loopsim.interventions.base import Draw
from loopsim.interventions.phrases import with_adjective
from loopsim.interventions.random_attribute import RandomAttribute


def test_the_word_stands_before_the_person() -> None:
    for before, after in (
        ("a photo of a cook", "a photo of a female cook"),
        ("an artist next to a dog", "a female artist next to a dog"),
        ("a picture of someone working as a judge", "a picture of a female person working as a judge"),
        ("a person", "a female person"),
        ("portrait", "portrait, female"),
    ):
        assert with_adjective(before, "female") == after
    assert with_adjective("a photo of a cook", "old") == "a photo of an old cook"


@given(st.text(max_size=40), st.integers(0, 2**60))
def test_captions_and_seeds_stay_and_prompts_that_state_a_gender_too(caption: str, seed: int) -> None:
    (draw,) = RandomAttribute().rewrite([Draw(caption, caption, seed)])
    assert (draw.caption, draw.seed) == (caption, seed)
    if caption_gender(caption) != "neutral":
        assert draw.prompt == caption
    else:
        assert caption_gender(draw.prompt) in ("man", "woman")


def test_a_share_of_zero_is_the_identity_and_weights_are_met() -> None:
    draws = [Draw("a cook", "a cook", seed) for seed in range(2000)]
    assert RandomAttribute(share=0.0).rewrite(draws) == draws
    written = Counter(d.prompt for d in RandomAttribute(words={"female": 3, "male": 1}).rewrite(draws))
    assert abs(written["a female cook"] / 2000 - 0.75) < 0.04
    half = Counter(d.prompt for d in RandomAttribute(share=0.5).rewrite(draws))
    assert abs(half["a cook"] / 2000 - 0.5) < 0.05
