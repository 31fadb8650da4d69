"""What the readers of all formats give: items, and rows that cannot be used."""

import csv
import difflib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from loopsim.core.errors import DataError
from loopsim.data.image_ref import ImageRef
from loopsim.data.labels import attribute_name, canonical, is_known, known_values

MAX_CAPTION_WORDS, MAX_LABEL = 1000, 60
csv.field_size_limit(
    min(sys.maxsize, 2**31 - 1)
)  # a row with a field that is too long is to be counted, not to end the reading


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
Values = Mapping[str, tuple[str, ...]]


class BadLabel(Exception):
    """A label outside the known values; its text says which."""


def label_of(attribute: str, value: Any, values: Values) -> str | None:
    """Return loopsim's word for a label, or None if nobody decided on one. Raises BadLabel for a value that
    the attribute cannot have.
    """
    if value is None or not is_known(value):
        return None
    if len(str(value)) > MAX_LABEL or not str(value).strip().isprintable():
        raise BadLabel(
            f"{attribute} = {str(value)[:40]!r} is no label: longer than {MAX_LABEL} characters, or with "
            "control characters"
        )
    found, known = canonical(attribute, str(value)), known_values(attribute, values)
    if known is not None and found not in known:
        near = difflib.get_close_matches(found, known, 1)
        raise BadLabel(
            f"{attribute} = {str(value)[:60]!r} is none of {', '.join(known)}"
            + (f"; {near[0]}?" if near else "")
        )
    return found


def labels_of(row: Mapping[str, Any], columns: Mapping[str, str], values: Values) -> dict[str, str]:
    """Return the labels of a row, by attribute. Raises BadLabel."""
    found = {
        attribute_name(name): label_of(attribute_name(name), row.get(column), values)
        for name, column in columns.items()
    }
    return {name: label for name, label in found.items() if label is not None}


def clean_captions(captions: Iterable[Any]) -> tuple[str, ...]:
    """Return captions without repeated white space and without control characters; empty ones and what is no
    text are left out.

    Raises BadLabel for one of more than MAX_CAPTION_WORDS words: no sentence is that long.
    """
    words = [
        "".join(c if c.isprintable() else " " for c in text).split()
        for text in captions
        if isinstance(text, str)
    ]
    if longest := max((len(w) for w in words if len(w) > MAX_CAPTION_WORDS), default=0):
        raise BadLabel(f"a caption of {longest:,} words")
    return tuple(" ".join(w) for w in words if w)


def inside(folder: Path, name: str) -> Path | None:
    """Return the file of that name in a folder, or None if the name leads out of it."""
    path = Path(name)
    return None if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name else folder / path


def is_file(path: Path | str) -> bool:
    """Return whether a file of that name is there; a name that no file can have (too long, a zero in it) is
    none.
    """
    return os.path.isfile(path)


def require(path: Path, what: str) -> Path:
    """Return a path that is there. Raises DataError naming what was looked for."""
    if not os.path.exists(path):
        raise DataError(
            f"{path}: no such {what}; relative paths start from the folder that loopsim is called in"
        )
    return path


def read_json(path: Path, what: str) -> Any:
    """Return a JSON file's content. Raises DataError if it is missing or is not JSON."""
    try:
        return json.loads(require(path, what).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error


def read_rows(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield (line number, row) of a CSV or JSONL table that must have these columns; None for a line that
    cannot be read. Raises DataError.
    """
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _read_jsonl(path)
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        reader = csv.DictReader(lines)
        try:
            names = reader.fieldnames or []
        except csv.Error as error:
            raise DataError(f"{path}: not a CSV table ({error})") from error
        for column in columns:
            if column not in names:
                near = difflib.get_close_matches(column, names, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise DataError(
                    f"{path} has no column {column!r}; its columns: "
                    f"{', '.join(map(repr, names)) or 'none'}{hint}"
                )
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield reader.line_num, None
                continue
            yield reader.line_num, row


def _read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                row = None
            yield number, row if isinstance(row, dict) else None
