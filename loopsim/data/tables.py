"""Tables (CSV, JSONL) and JSON files as corpora bring them, and where a table keeps captions and labels."""

import csv
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, final

from pydantic import Field

from loopsim.config import Section
from loopsim.core.errors import DataError
from loopsim.core.text import printable
from loopsim.data.paths import open_text, read_bytes
from loopsim.data.reading import clean_captions

MAX_TABLE_BYTES, MAX_JSON_BYTES = 4_000_000_000, 200_000_000
MAX_ROW = 4_000_000  # characters
# What a JSON file may take in memory: dataset_coco.json, the largest published, takes 1 GB.
MAX_JSON_MEMORY = 1_250_000_000
_JSON_MEMORY = {b"{": 240, b"[": 64, b",": 64}
# A field that is too long is a row that is counted; an open quote does not swallow the rest of the table.
csv.field_size_limit(1_000_000)


class TableSource(Section):
    """Where a table keeps things. `labels` maps sensitive attributes to the columns (or JSON fields) that
    hold them.
    """

    image_column: str = "file"
    caption_columns: tuple[str, ...] = ("caption",)
    labels: dict[str, str] = Field(default_factory=dict)


def row_captions(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the captions in a row's columns, each of which holds one or a list. Raises UnusableText."""
    given = [row.get(column) for column in columns]
    return clean_captions(text for cell in given for text in (cell if isinstance(cell, list) else [cell]))


def read_json(path: Path, what: str) -> Any:
    """Return a JSON file's content. Raises DataError if it is missing, too large, or no JSON."""
    content = read_bytes(path, what, MAX_JSON_BYTES)
    memory = len(content) + sum(content.count(sign) * size for sign, size in _JSON_MEMORY.items())
    if memory > MAX_JSON_MEMORY:
        raise DataError(f"{path}: would take {memory / 1e9:.1f} GB in memory, too much for a {what}")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({str(error)[:200]})") from error


def read_rows(
    path: Path, columns: Iterable[str], optional: Iterable[str] = ()
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield (line number, row) of a CSV or JSONL table; a row has these columns and the optional ones, None
    where it has no value. None stands for a line that cannot be read.

    Raises DataError if there is no such table, or it lacks one of `columns`.
    """
    with open_text(path, "table", MAX_TABLE_BYTES) as file:
        lines = _Lines(file)
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            yield from _read_jsonl(lines, (*columns, *optional))
        else:
            yield from _read_csv(path, lines, tuple(columns), tuple(optional))


@final
class _Lines:
    """A table's lines, of which a row takes no more than MAX_ROW characters.

    `number` counts them; `begin_row` tells that another row begins. A csv.Error ends a row that is too long;
    the rest of its last line is passed over.
    """

    def __init__(self, file: TextIO) -> None:
        self.file, self.number, self._taken = file, 0, 0

    def begin_row(self) -> None:
        self._taken = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.file.readline(MAX_ROW)
        if not line:
            raise StopIteration
        self.number += 1
        self._taken += len(line)
        if self._taken >= MAX_ROW:
            while line and line[-1] not in "\r\n":
                line = self.file.readline(MAX_ROW)
            raise csv.Error(f"a row of more than {MAX_ROW:,} characters")
        return line


def _read_csv(
    path: Path, lines: _Lines, columns: Sequence[str], optional: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    reader = csv.reader(lines)
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV table ({error})") from error
    for column in columns:
        if column not in names:
            raise DataError(_no_column(path, column, names))
        if names.count(column) > 1:
            raise DataError(f"{path} has the column {column!r} {names.count(column):,} times; rename one")
    places = {name: names.index(name) if name in names else len(names) for name in (*columns, *optional)}
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield lines.number, None
            continue
        if cells:
            cells = cells[: len(names)]
            row = {name: cells[place] if place < len(cells) else None for name, place in places.items()}
            yield lines.number, row


def _no_column(path: Path, column: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(column, [name for name in names[:1000] if len(name) < 100], 1)
    shown = ", ".join(repr(name[:60]) for name in names[:20]) or "none"
    more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if not hint and any("\0" in name or "\ufffd" in name for name in names):
        hint = "; is it UTF-8? Save it as UTF-8"
    return printable(f"{path} has no column {column!r}; its columns: {shown}{more}{hint}")


def _read_jsonl(lines: _Lines, names: Sequence[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    while True:
        lines.begin_row()
        try:
            line = next(lines)
            found = json.loads(line) if line.strip() else None
        except StopIteration:
            return
        except (csv.Error, ValueError, RecursionError):
            yield lines.number, None
            continue
        if line.strip():
            yield lines.number, {n: found.get(n) for n in names} if isinstance(found, dict) else None
