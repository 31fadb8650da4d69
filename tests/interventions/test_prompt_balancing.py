"""Prompt balancing: the round's prompts have the target's shares, as far as nothing stated is taken away."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.gendered_words import caption_gender
from loopsim.interventions.base import Draw
from loopsim.interventions.prompt_balancing import PromptBalancing
from loopsim.interventions.target import counts_to

PROMPTS = st.lists(st.sampled_from(["a cook", "a woman", "a male cook", "a man and a woman"]), max_size=60)


def draws_of(prompts: list[str]) -> list[Draw]:
    return [Draw(prompt, prompt, 1000 + i) for i, prompt in enumerate(prompts)]


@given(PROMPTS, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_the_shares_of_all_prompts_come_as_near_as_they_can(prompts: list[str], women: float) -> None:
    balancing = PromptBalancing(target={"woman": women, "man": 1 - women})
    before = draws_of(prompts)
    after = balancing.rewrite(before)
    assert [(d.caption, d.seed) for d in after] == [(d.caption, d.seed) for d in before]
    assert all(new == old for old, new in zip(before, after, strict=True) if old.prompt != "a cook")
    stated = Counter(caption_gender(p) for p in prompts)
    have = Counter(caption_gender(d.prompt) for d in after)
    assert have["neutral"] == 0
    assert have["both"] == stated["both"]
    # Slowly: try every number of women that the open prompts could get, and take the nearest to the target.
    total = stated["man"] + stated["woman"] + stated["neutral"]
    wanted = counts_to({"woman": women, "man": 1 - women}, total)["woman"]
    best = min(abs(stated["woman"] + more - wanted) for more in range(stated["neutral"] + 1))
    assert abs(have["woman"] - wanted) == best
    told = balancing.told_of_prompts(before, after)
    assert told["written"] == stated["neutral"]
    if total:
        assert told["share woman"] == have["woman"] / total


def test_it_does_not_depend_on_who_draws_and_a_share_of_zero_is_the_identity() -> None:
    draws = draws_of(["a cook"] * 40)
    once = PromptBalancing().rewrite(draws)
    assert PromptBalancing().rewrite(draws) == once
    assert PromptBalancing(share=0.0).rewrite(draws) == draws
    assert not PromptBalancing(share=0.0).acts()
    half = PromptBalancing(share=0.5).rewrite(draws)
    assert 8 < sum(old != new for old, new in zip(draws, half, strict=True)) < 32
    # Spread over the round, not the first ones to one value and the last ones to the other.
    women = [i for i, draw in enumerate(once) if "female" in draw.prompt]
    assert len(women) == 20
    assert 10 < sum(women) / 20 < 29


def test_skin_tones_are_written_after_the_person_and_several_attributes_one_after_the_other() -> None:
    draws = draws_of(["a photo of a cook next to a dog"] * 4)
    both = PromptBalancing(attribute="skin_tone").rewrite(PromptBalancing().rewrite(draws))
    assert Counter(d.prompt for d in both).total() == 4
    for draw in both:
        assert draw.prompt.startswith(("a photo of a female cook with ", "a photo of a male cook with "))
        assert draw.prompt.endswith(" skin next to a dog")
    own = PromptBalancing(
        attribute="age",
        phrases={"old": "elderly", "young": "young"},
        words={"old": ("elderly",), "young": ("young",)},
    )
    told = own.told_of_prompts(draws, own.rewrite(draws))
    assert (told["share old"], told["gap"]) == (0.5, 0.0)
