"""What prompts state: whole phrases, the longest at a place, several values, and words of one's own."""

import pytest

from loopsim.data.stated_groups import SEVERAL, knows, stated_groups, stated_value


@pytest.mark.parametrize(
    ("prompt", "gender", "tone", "kind"),
    [
        ("a photo of a cook", None, None, None),
        ("a photo of a female cook with medium dark skin", "woman", "darker", "medium dark"),
        ("a photo of a man with Medium Light skin", "man", "lighter", "medium light"),
        ("a dark-skinned person next to a dog", None, "darker", "dark"),
        ("a person with darker skin", None, "darker", None),
        ("a woman and a man with light skin", SEVERAL, "lighter", "light"),
        ("light skin and dark skin", None, SEVERAL, SEVERAL),
        ("a person in a dark kitchen, skinny", None, None, None),
        ("", None, None, None),
    ],
)
def test_what_a_prompt_states(prompt: str, gender: str | None, tone: str | None, kind: str | None) -> None:
    found = [stated_value(prompt, attribute) for attribute in ("gender", "skin_tone", "skin_type")]
    assert found == [gender, tone, kind]
    stated = stated_groups(prompt, ("gender", "skin_tone"))
    assert stated == {
        name: value
        for name, value in (("gender", gender), ("skin_tone", tone))
        if value not in (None, SEVERAL)
    }


def test_words_of_ones_own_add_an_attribute_or_replace_a_known_ones() -> None:
    words = {"age": {"old": ("old", "elderly"), "young": ("young",)}, "gender": {"x": ("ex",)}}
    assert knows("age", words)
    assert not knows("age")
    assert stated_value("an elderly young-ish cook", "age", words) == SEVERAL
    assert stated_value("an Old cook", "age", words) == "old"
    assert stated_value("a bold cook", "age", words) is None
    assert stated_value("a man", "gender", words) is None
    assert stated_value("an ex", "gender", words) == "x"


def test_words_of_ones_own_may_be_in_any_script() -> None:
    words = {"age": {"old": ("बूढ़ी", "пожилой"), "young": ("jeune",)}}
    assert stated_value("एक बूढ़ी महिला", "age", words) == "old"
    assert stated_value("пожилой человек", "age", words) == "old"
    assert stated_value("une jeune\u0301 femme", "age", words) is None
