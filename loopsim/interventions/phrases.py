"""How groups are written into prompts: an adjective before the person, or a "with …" after it."""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

# How an attribute's values are written, as the classifiers name them.
PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "gender": {"man": "male", "woman": "female"},
    "skin_tone": {"darker": "with dark skin", "lighter": "with light skin"},
    "race": {
        "black": "Black",
        "east_asian": "East Asian",
        "indian": "Indian",
        "latino_hispanic": "Latino or Hispanic",
        "middle_eastern": "Middle Eastern",
        "southeast_asian": "Southeast Asian",
        "white": "White",
    },
}
_NOUNS = ("person", "people", "man", "men", "woman", "women", "male", "female")
# How prompts state a race: its word alone may be a thing's colour, or a place's.
STATED: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "race": {
        value: tuple(f"{phrase} {noun}" for phrase, noun in product((word, *word.split(" or ")), _NOUNS))
        for value, word in PHRASES["race"].items()
    }
}

_SOMEONE = re.compile(r"\bsomeone\b", re.IGNORECASE)
# The first thing that is no picture: "a photo of a cook", "an artist next to a dog".
_PERSON = re.compile(r"\b(?:an?)\s+(?!(?:photo|picture|image|portrait|drawing)\b)", re.IGNORECASE)
# What comes after a person: "a cook | next to a dog", "someone working as a judge | in an office".
_AFTER = re.compile(
    r"(?=,|\.|\s+(?:next to|beside|and|in|on|at|near|with|holding|wearing|sitting|standing)\b)", re.IGNORECASE
)


def with_adjective(prompt: str, word: str) -> str:
    """Return a prompt whose first person has an adjective; one without a place for it gets it at its end."""
    article = "an" if word[:1].lower() in "aeiou" else "a"
    for pattern, text in ((_SOMEONE, f"{article} {word} person"), (_PERSON, f"{article} {word} ")):
        found = pattern.search(prompt)
        if found is not None:
            return prompt[: found.start()] + text + prompt[found.end() :]
    return f"{prompt}, {word}"


def with_phrase(prompt: str, phrase: str) -> str:
    """Return a prompt whose first person has an attribute: an adjective before it, a "with …" after it."""
    if not phrase.lower().startswith("with "):
        return with_adjective(prompt, phrase)
    found = _AFTER.search(prompt)
    place = found.start() if found is not None else len(prompt)
    return f"{prompt[:place]} {phrase}{prompt[place:]}"
