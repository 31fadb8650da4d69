"""Sentences about a scene: the caption grammar of the pocket corpus, and every word it can use."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import numpy as np

from loopsim.core.gendered_words import caption_gender

PREFIXES = ("a photo of {}", "a picture of {}", "an image of {}", "{}")
ANYONE = ("a person", "someone")
GENDERED_ANYONE = ("a {noun}", "a {adjective} person")
GENDERED = (
    "a {adjective} {profession}",
    "a {noun} who works as {a_profession}",
    "a {noun} working as {a_profession}",
)
NEUTRAL = ("{a_profession}", "a person who works as {a_profession}", "someone working as {a_profession}")
OBJECT_FORMS = ("next to {}", "and {}", "beside {}")
NOUNS = {"woman": "woman", "man": "man"}
ADJECTIVES = {"woman": "female", "man": "male"}
POSSESSIVES = {"woman": "her", "man": "his"}

# Words of the metrics' fixed prompts (docs/metrics.md) and of everyday rewording, so that each is one token
# of the pocket tokenizer.
EXTRA_WORDS = (
    "a an the of and or with without in on at to from is are his her he she they their person people man "
    "men woman women male female lady "
    "gentleman boy girl mother father parent sibling photo picture image portrait years old more between "
    "asian indian white black latino "
    "hispanic middle eastern southeast east winner beautiful intelligent criminal terrorist poor rich young "
    "adult senior child face smiling "
    "looking standing holding has skin hair"
).split()


@final
@dataclass(frozen=True)
class Facts:
    """What a caption may say; None leaves it out."""

    profession: str | None = None
    gender: str | None = None
    skin_type: str | None = None
    object: str | None = None
    background: str | None = None


def with_article(noun: str) -> str:
    """Return the noun with "a" or "an" in front."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def describe(facts: Facts, rng: np.random.Generator) -> str:
    """Return one natural sentence that states exactly the facts given; `rng` chooses the wording."""
    words: dict[str, str] = {}
    possessive = "a"
    if facts.profession is not None:
        words |= {"profession": facts.profession, "a_profession": with_article(facts.profession)}
    if facts.gender is None:
        forms = NEUTRAL if facts.profession else ANYONE
    else:
        forms = GENDERED if facts.profession else GENDERED_ANYONE
        words |= {"noun": NOUNS[facts.gender], "adjective": ADJECTIVES[facts.gender]}
        possessive = POSSESSIVES[facts.gender] if rng.random() < 0.3 else "a"
    person = forms[rng.integers(len(forms))].format(**words)
    sentence = PREFIXES[rng.integers(len(PREFIXES))].format(person)
    if facts.skin_type is not None:
        sentence += f" with {facts.skin_type} skin"
    if facts.object is not None:
        thing = with_article(facts.object) if possessive == "a" else f"{possessive} {facts.object}"
        sentence += " " + OBJECT_FORMS[rng.integers(len(OBJECT_FORMS))].format(thing)
    if facts.background is not None:
        sentence += f" {facts.background}"
    return sentence


def parse(
    caption: str,
    professions: Iterable[str],
    skin_types: Iterable[str],
    objects: Iterable[str],
    backgrounds: Iterable[str],
) -> Facts:
    """Return the facts that a caption states; of names that contain each other the longest one found counts
    ("medium dark" before "dark").
    """

    def find(names: Iterable[str], pattern: str = "{}") -> str | None:
        found = [name for name in names if re.search(rf"\b{pattern.format(re.escape(name))}\b", text)]
        return max(found, key=len) if found else None

    text = caption.lower()
    gender = caption_gender(text)
    return Facts(
        find(professions),
        gender if gender in NOUNS else None,
        find(skin_types, "{} skin"),
        find(objects),
        find(backgrounds),
    )


def grammar_words(
    professions: Iterable[str], skin_types: Iterable[str], objects: Iterable[str], backgrounds: Iterable[str]
) -> list[str]:
    """Return, sorted, every word that `describe` can write about these values, and those of the metrics'
    prompts.
    """
    templates = " ".join((*PREFIXES, *GENDERED, *GENDERED_ANYONE, *NEUTRAL, *ANYONE, *OBJECT_FORMS))
    spoken = [word for word in templates.split() if "{" not in word]
    values = [
        *professions,
        *skin_types,
        *objects,
        *backgrounds,
        *NOUNS.values(),
        *ADJECTIVES.values(),
        *POSSESSIVES.values(),
    ]
    return sorted({*spoken, *EXTRA_WORDS, *(word for value in values for word in value.split())})
