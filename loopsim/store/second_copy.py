"""A second copy, beside the database, of the rows that a repair cannot make again or needs to know where it
stands: what the run is, and which phases it has finished.

One line of JSON a row, with the row's own checksum inside its value; written whole under another name,
synced, renamed.
"""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

from loopsim.core.errors import CorruptRun
from loopsim.core.files import write_atomically
from loopsim.store.codec import decode, kind_of
from loopsim.store.keys import Table, readable, table_of

FILE = "second_copy.jsonl"
TABLES = (Table.META, Table.PHASE, Table.RELEASED)
EncodedRow = tuple[bytes, bytes]


def holds(raw_key: bytes) -> bool:
    """Return whether rows of that encoded key are copied."""
    try:
        return table_of(raw_key) in TABLES
    except ValueError:
        return False


def write(directory: Path, rows: Sequence[EncodedRow]) -> None:
    """Write a run's copy. Raises OSError if the file system refuses."""
    text = "".join(
        json.dumps({"row": readable(key), "key": key.hex(), "value": base64.b64encode(value).decode()}) + "\n"
        for key, value in rows
    )
    write_atomically(directory / FILE, text.encode())


def read(directory: Path) -> list[EncodedRow]:
    """Return the rows of a run's copy that are sound, in order of key; none if there is no copy."""
    try:
        descriptor = os.open(directory / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    with open(descriptor, "rb") as file:
        lines = file.read().split(b"\n")
    return sorted(row for row in map(_row_of, lines) if row is not None)


def _row_of(line: bytes) -> EncodedRow | None:
    try:
        fields = json.loads(line)
        key, value = bytes.fromhex(fields["key"]), base64.b64decode(fields["value"])
        decode(kind_of(key), key, value)
    except (ValueError, KeyError, TypeError, RecursionError, CorruptRun):
        return None
    return (key, value) if holds(key) else None
