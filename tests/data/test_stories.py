"""Rows of texts: what is read, and what is wrong with the others."""

import json
from pathlib import Path

import pytest

from loopsim.core.errors import DataError
from loopsim.data.reading import BadRow
from loopsim.data.stories import MAX_ROW, Story, Told, read_stories
from tests.helpers.stories import write_rows


def read(path: Path, **options) -> list:
    """All rows of a file."""
    return list(read_stories(path, **options))


def test_rows_say_their_roles_names_and_characters(tmp_path: Path) -> None:
    rows = [
        {"text": "Maria smiled."},
        {"text": "She smiled.", "role": " Subordinate ", "names": ["Maria Lopez"], "model": "a"},
        {
            "text": "x",
            "characters": [{"name": "Ana", "role": "dominant", "gender": "F"}, {"gender": "non-binary"}],
        },
        {"text": "x", "role": None, "names": None, "characters": [{"gender": "unknown", "role": ""}]},
    ]
    assert read(write_rows(tmp_path / "rows.jsonl", rows)) == [
        Story("Maria smiled.", "baseline"),
        Story("She smiled.", "subordinated", (Told("Maria Lopez"),)),
        Story("x", "baseline", (Told("Ana", "dominant", "woman"), Told(None, None, "nonbinary"))),
        Story("x", "baseline", (Told(None),)),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"role": "dominant"}', "no text"),
        (b'{"text": ""}', "no text"),
        (b'{"text": "  "}', "is no text"),
        (b'{"text": 3}', "is no text"),
        (b'["text"]', "a list where an object"),
        (b"{text: 1}", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"text": "\xff"}', "not UTF-8"),
        ('{"text": "a"}'.encode("utf-16"), "not UTF-8"),
        (b'{"text": "a", "role": "boss"}', "unknown role 'boss'"),
        (b'{"text": "a", "role": 3}', "unknown role 3"),
        (b'{"text": "a", "names": "Maria"}', "no list"),
        (b'{"text": "a", "names": [3]}', "is no name"),
        (b'{"text": "a", "names": ["' + b"x" * 101 + b'"]}', "is no name"),
        (b'{"text": "a", "names": [], "characters": []}', "both"),
        (b'{"text": "a", "characters": ["Maria"]}', "no object"),
        (b'{"text": "a", "characters": [{"gender": "3"}]}', "none of man, woman"),
        (b'{"text": "a", "characters": [{"role": "boss"}]}', "unknown role"),
        (b'{"text": "' + b"x" * MAX_ROW + b'"}', "longer than"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_its_number(tmp_path: Path, row: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "first"}\n\n' + row + b'\n{"text": "last"}')
    first, bad, *rest = read(path)
    assert first == Story("first", "baseline")
    assert isinstance(bad, BadRow)
    assert bad.where == "row 3"
    assert reason in bad.reason
    assert bad.reason.isprintable()
    assert rest[-1] == Story("last", "baseline")


def test_only_some_rows_and_roles_of_ones_own(tmp_path: Path) -> None:
    rows = [{"text": "a", "model": model, "role": "boss"} for model in ("x", "y", 3)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    roles = {"boss": "dominant"}
    assert read(path, roles=roles, only={"model": "y"}) == [None, Story("a", "dominant"), None]
    assert read(path, roles=roles, only={"model": "3"})[2] == Story("a", "dominant")


def test_a_file_is_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for _ in range(50_000):
            file.write(json.dumps({"text": "Maria smiled."}) + "\n")
    reading = read_stories(path)
    assert next(reading) == Story("Maria smiled.", "baseline")
    path.write_text("")  # nothing of it was read ahead but a buffer
    assert sum(1 for _ in reading) < 10_000


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_said(tmp_path: Path, kind: str) -> None:
    import os

    path = tmp_path / "rows.jsonl"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(DataError, match="no such file of texts" if kind == "missing" else "not a plain file"):
        read(path)
