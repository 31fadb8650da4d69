"""Texts of any language model, or captions, as a file of JSON lines brings them.

A row is an object with a `text`, and, as far as they are known, the `role` that its people have, their first
`names` as a list, or its `characters`: objects with `name`, `role` and `gender`. Further fields (model,
prompt, domain) can choose rows. docs/text-audit.md has the whole.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from loopsim.core.group_labels import canonical, is_known
from loopsim.core.text import printable
from loopsim.data.paths import open_plain, require
from loopsim.data.people_in_text import GENDERS, NONBINARY
from loopsim.data.reading import BadRow, UnusableText

BASELINE, DOMINANT, SUBORDINATED = ROLES = ("baseline", "dominant", "subordinated")
MAX_ROW = 4_000_000  # bytes
MAX_NAMES, MAX_NAME = 1000, 100
# Every role's names, besides those that the user adds.
KNOWN_ROLES = {
    **{name: name for name in ROLES},
    "neutral": BASELINE,
    "dominated": SUBORDINATED,
    "subordinate": SUBORDINATED,
}
_GENDERS = {"non-binary": NONBINARY, "non_binary": NONBINARY, "nb": NONBINARY}


@final
@dataclass(frozen=True)
class Told:
    """What a row tells of a character: its name as it is written, its role, and its gender, each None where
    it does not.
    """

    name: str | None
    role: str | None = None
    gender: str | None = None


@final
@dataclass(frozen=True)
class Story:
    """One row: its text, the role of its people (one of ROLES), and its characters, None where they are to be
    found in the text.
    """

    text: str
    role: str
    characters: tuple[Told, ...] | None = None


def read_stories(
    path: Path, roles: Mapping[str, str] = KNOWN_ROLES, only: Mapping[str, str] | None = None
) -> Iterator[Story | BadRow | None]:
    """Yield the rows of a JSONL file one by one, whatever its size: a Story, what is wrong with a row, or
    None for one whose fields are not as `only` says. Empty lines are passed over. `roles` has our word for
    each name of a role, in lower case.

    Raises DataError if there is no such file.
    """
    with os.fdopen(open_plain(require(path, "file of texts")), "rb") as file:
        number = 0
        while line := file.readline(MAX_ROW):
            number += 1
            if len(line) == MAX_ROW and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_ROW)
                yield BadRow(f"row {number}", f"longer than {MAX_ROW:,} bytes")
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                try:
                    yield _story(line, roles, only or {})
                except UnusableText as error:
                    yield BadRow(f"row {number}", printable(str(error)))


def _story(line: bytes, roles: Mapping[str, str], only: Mapping[str, str]) -> Story | None:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise UnusableText("not UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError):
        raise UnusableText(
            'no JSON; a row looks like {"text": "Maria smiled.", "role": "dominant"}'
        ) from None
    if not isinstance(row, dict):
        raise UnusableText(f"a {type(row).__name__} where an object is needed")
    if any(str(row.get(field)) != value for field, value in only.items()):
        return None
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise UnusableText("no text" if text is None or text == "" else "its text is no text")
    return Story(text, _role(row.get("role"), roles) or BASELINE, _characters(row, roles))


def _role(given: Any, roles: Mapping[str, str]) -> str | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str) or given.strip().lower() not in roles:
        shown = repr(given)[:60]
        raise UnusableText(f"unknown role {shown}; say what it is: --dominant or --subordinated {shown}")
    return roles[given.strip().lower()]


def _characters(row: Mapping[str, Any], roles: Mapping[str, str]) -> tuple[Told, ...] | None:
    names, characters = row.get("names"), row.get("characters")
    if names is not None and characters is not None:
        raise UnusableText("both names and characters; one says all")
    told = names if characters is None else characters
    if told is None:
        return None
    if not isinstance(told, list) or len(told) > MAX_NAMES:
        raise UnusableText(f"its names are no list of up to {MAX_NAMES:,}")
    if characters is None:
        return tuple(Told(_name(name)) for name in told)
    found = []
    for one in told:
        if not isinstance(one, dict):
            raise UnusableText("a character is no object with a name, a role or a gender")
        name = one.get("name")
        found.append(
            Told(
                None if name is None else _name(name),
                _role(one.get("role"), roles),
                _gender(one.get("gender")),
            )
        )
    return tuple(found)


def _name(given: Any) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > MAX_NAME:
        raise UnusableText(f"{repr(given)[:40]} is no name")
    return given


def _gender(given: Any) -> str | None:
    if given is None or (isinstance(given, str) and not is_known(given)):
        return None
    word = canonical("gender", given) if isinstance(given, str) else ""
    word = _GENDERS.get(word, word)
    if word not in GENDERS:
        raise UnusableText(f"gender {repr(given)[:40]} is none of {', '.join(GENDERS)}")
    return word
