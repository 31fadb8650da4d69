"""Tables (CSV, JSONL) and JSON files as corpora bring them, and where a table keeps captions and labels."""

import csv
import difflib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from loopsim.config import Section
from loopsim.core.errors import DataError
from loopsim.data.paths import require
from loopsim.data.reading import clean_captions

# A row with a field that is too long is to be counted, not to end the reading.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


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
