"""How a row becomes bytes and comes back: schema version, checksum of key and payload, length of the JSON,
JSON, blob.
"""

import hashlib
import json
import re
import struct
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from loopsim.core.errors import CorruptRun
from loopsim.store.keys import Table, decode_key, readable, table_of
from loopsim.store.migrations import OLDEST, upgrade
from loopsim.store.notes import NoteRow
from loopsim.store.row import Row
from loopsim.store.rows import ROWS
from loopsim.store.tracking_rows import TRACKING_ROWS

R = TypeVar("R", bound=Row)
SCHEMA_VERSION = 4  # 4: seals count rows by table and cover the seal before (see migrations.py)
_HASH_BYTES = 16
_KINDS: tuple[type[Row], ...] = (*ROWS, NoteRow, *TRACKING_ROWS)
_BY_NAME = {row.NAME: row for row in _KINDS if row.NAME}
_BY_TABLE = {row.TABLE: row for row in _KINDS if not row.NAME}
_adapters: dict[type[Row], TypeAdapter[Any]] = {}  # made when a table is first read


def kind_of(raw_key: bytes) -> type[Row]:
    """Return the class of the row of that encoded key. Raises ValueError or KeyError if there is none."""
    table = table_of(raw_key)
    return _BY_NAME[str(decode_key(raw_key)[0])] if table is Table.META else _BY_TABLE[table]


def _adapter(kind: type[Row]) -> TypeAdapter[Any]:
    if kind in _adapters:
        return _adapters[kind]
    kind.__pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)  # type: ignore[attr-defined]
    _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


_JSON_NAMES = {
    kind: tuple(f.name for f in fields(kind) if f.name not in (*kind.KEY, kind.BLOB)) for kind in _KINDS
}


def _checksum(raw_key: bytes, schema: int, payload: bytes) -> bytes:
    """Return the checksum of a key and a value; since schema 3 it covers the schema version, too."""
    salt = hashlib.blake2b(raw_key, digest_size=32).digest()
    covered = payload if schema == 2 else bytes([schema]) + payload
    return hashlib.blake2b(covered, key=salt, digest_size=_HASH_BYTES).digest()


def _plain(value: object) -> Any:
    """Return a dataclass within a row as JSON has it."""
    return vars(value)


def encode(row: Row) -> bytes:
    """Return a row's value."""
    tree = {name: getattr(row, name) for name in _JSON_NAMES[type(row)]}
    text = json.dumps(
        tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
    ).encode()
    blob = getattr(row, row.BLOB) if row.BLOB else b""
    payload = struct.pack(">I", len(text)) + text + blob
    return bytes([SCHEMA_VERSION]) + _checksum(row.raw_key, SCHEMA_VERSION, payload) + payload


def decode(kind: type[R], raw_key: bytes, value: bytes) -> R:
    """Return the row of an encoded key and value.

    Raises CorruptRun naming the row if its checksum, its schema or its shape is not right.
    """
    payload = value[1 + _HASH_BYTES :]
    if value and not OLDEST <= value[0] <= SCHEMA_VERSION:
        raise CorruptRun(
            f"row {readable(raw_key)} has schema version {value[0]}; this loopsim reads {OLDEST} to "
            f"{SCHEMA_VERSION}: use the loopsim that made the run"
        )
    if len(payload) < 4 or value[1 : 1 + _HASH_BYTES] != _checksum(raw_key, value[0], payload):
        raise CorruptRun(
            f"row {readable(raw_key)} is damaged: its checksum does not match; see `loopsim verify`"
        )
    (length,) = struct.unpack(">I", payload[:4])
    try:
        tree = _parsed(payload[4 : 4 + length])
        parts = decode_key(raw_key)
        tree = upgrade(value[0], SCHEMA_VERSION, kind.TABLE, parts, tree)
        tree = tree | dict(zip(kind.KEY, parts, strict=not kind.NAME))
        if kind.BLOB:
            tree[kind.BLOB] = bytes(payload[4 + length :])
        row: R = _adapter(kind).validate_python(tree)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = _first_problem(error)
        raise CorruptRun(
            f"row {readable(raw_key)} has not the shape of its table ({reason}); see `loopsim verify`"
        ) from error
    return row


def _parsed(text: bytes) -> Any:
    """Return JSON as loopsim writes it. Raises ValueError for what it never writes and others stumble over:
    numbers that are none or have no end, and halves of characters.
    """
    if re.search(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]", text):
        raise ValueError("it has half a character")
    return json.loads(text, parse_int=_bounded, parse_constant=_refused)


def _bounded(digits: str) -> int:
    if len(digits) > 19:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"[:200]
