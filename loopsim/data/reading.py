"""What the readers of all formats give: items with clean captions and labels, and unusable rows."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from loopsim.config import Split
from loopsim.core.group_labels import attribute_name, canonical, is_known, known_values
from loopsim.data.image_ref import ImageRef

MAX_CAPTION_WORDS, MAX_CAPTION_LENGTH, MAX_LABEL = 1000, 20_000, 60


@final
@dataclass(frozen=True)
class Item:
    """One picture as a corpus describes it, before its bytes were looked at. `key` names it within its
    source.
    """

    key: str
    place: ImageRef
    captions: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    data: bytes | None = None  # where the reader has them at hand


@final
@dataclass(frozen=True)
class BadRow:
    """Something that was skipped: where it stands, and why."""

    where: str
    reason: str


@final
@dataclass(frozen=True)
class Absent:
    """Something that the publisher lists and this copy lacks (a shard, a dead link): counted, not bad."""

    where: str


Reading = Item | BadRow | Absent
Values = Mapping[str, tuple[str, ...]]  # the known labels of attributes, where a config lists them
Report = Callable[[Split, int], None]  # split, rows read so far


class UnusableText(Exception):
    """A label or a caption that cannot be used; its text says why."""


def label_of(attribute: str, value: Any, values: Values) -> str | None:
    """Return loopsim's word for a label, or None if nobody decided on one. Raises UnusableText for a value
    that the attribute cannot have.
    """
    if value is not None and not isinstance(value, (str, int, float)):
        raise UnusableText(f"{attribute} is no label but a {type(value).__name__}")
    if value is None or not is_known(value):
        return None
    if len(str(value)) > MAX_LABEL or not str(value).strip().isprintable():
        raise UnusableText(
            f"{attribute} = {str(value)[:40]!r} is no label: longer than {MAX_LABEL} characters, or with "
            "control characters"
        )
    found, known = canonical(attribute, str(value)), known_values(attribute, values)
    if known is not None and found not in known:
        near = difflib.get_close_matches(found, known, 1)
        raise UnusableText(
            f"{attribute} = {str(value)[:60]!r} is none of {', '.join(known)}"
            + (f"; {near[0]}?" if near else "")
        )
    return found


def labels_of(row: Mapping[str, Any], columns: Mapping[str, str], values: Values) -> dict[str, str]:
    """Return the labels of a row, by attribute. Raises UnusableText."""
    found = {
        attribute_name(name): label_of(attribute_name(name), row.get(column), values)
        for name, column in columns.items()
    }
    return {name: label for name, label in found.items() if label is not None}


def clean_captions(captions: Iterable[Any]) -> tuple[str, ...]:
    """Return captions without repeated white space and without control characters; empty ones and what is no
    text are left out.

    Raises UnusableText for one of more than MAX_CAPTION_WORDS words or MAX_CAPTION_LENGTH characters: no
    sentence is that long.
    """
    words = [
        "".join(c if c.isprintable() else " " for c in text).split()
        for text in captions
        if isinstance(text, str)
    ]
    if longest := max((len(w) for w in words if len(w) > MAX_CAPTION_WORDS), default=0):
        raise UnusableText(f"a caption of {longest:,} words")
    found = tuple(" ".join(w) for w in words if w)
    if longest := max((len(caption) for caption in found if len(caption) > MAX_CAPTION_LENGTH), default=0):
        raise UnusableText(f"a caption of {longest:,} characters")
    return found
