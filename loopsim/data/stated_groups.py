"""What a prompt says about the person in it: words for a gender or a skin tone, by attribute."""

from collections.abc import Mapping, Sequence

import regex

from loopsim.core.gendered_words import caption_gender
from loopsim.data.openmoji import SKIN_TONES

SEVERAL = "several"  # a prompt that names more than one value of an attribute
Words = Mapping[str, Sequence[str]]  # value -> the phrases that state it
_SKIN = {value: (f"{value} skin", f"{value} skinned") for value in SKIN_TONES}
KNOWN: Mapping[str, Words] = {
    "skin_type": _SKIN,
    "skin_tone": {
        tone: (
            f"{tone} skin",
            f"{tone} skinned",
            *(phrase for value, phrases in _SKIN.items() if SKIN_TONES[value] == tone for phrase in phrases),
        )
        for tone in ("lighter", "darker")
    },
}


def knows(attribute: str, words: Mapping[str, Words] | None = None) -> bool:
    """Return whether it is known how a prompt states an attribute; `words` are further ones."""
    return attribute == "gender" or attribute in KNOWN or attribute in (words or {})


def stated_value(prompt: str, attribute: str, words: Mapping[str, Words] | None = None) -> str | None:
    """Return the value of an attribute that a prompt states, SEVERAL if it states more than one, None if it
    leaves it open.

    Phrases count as whole words, in any case, with a hyphen or a blank in them; of phrases that begin at one
    place the longest counts ("medium dark skin" before "dark skin"). Genders go by `caption_gender`'s lists,
    unless `words` has its own.
    """
    known = {**KNOWN, **(words or {})}
    if attribute == "gender" and attribute not in known:
        gender = caption_gender(prompt)
        return {"neutral": None, "both": SEVERAL}.get(gender, gender)
    owner = {phrase.lower(): value for value, phrases in known[attribute].items() for phrase in phrases}
    if not owner:
        return None
    longest_first = sorted(owner, key=lambda phrase: (-len(phrase), phrase))
    # Not with `re`: to it a word of Devanagari may end before its last vowel sign.
    pattern = rf"\b(?:{'|'.join(map(regex.escape, longest_first))})\b"
    found = {owner[match] for match in regex.findall(pattern, prompt.lower().replace("-", " "))}
    return None if not found else SEVERAL if len(found) > 1 else found.pop()


def stated_groups(
    prompt: str, attributes: Sequence[str], words: Mapping[str, Words] | None = None
) -> dict[str, str]:
    """Return what a prompt states: attribute -> value, of those of `attributes` of which it states one."""
    found = {attribute: stated_value(prompt, attribute, words) for attribute in attributes}
    return {name: value for name, value in found.items() if value is not None and value != SEVERAL}
