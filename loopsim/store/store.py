"""The store: checksummed records in LMDB, one transaction at a time. The only file that imports lmdb.

What callers may rely on: `write` is all or nothing and durable when it returns; a read returns exactly what
was written or raises CorruptRun; rows of a prefix come in key order; `digest` is a function of the rows
alone, without the volatile tables.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

import lmdb

from loopsim.core import faults
from loopsim.core.errors import CorruptRun, RunNotFound, RunVanished, storage_error
from loopsim.store.keys import VOLATILE, Table, key, parts_of, readable, table_of

SCHEMA_VERSION = 2  # 2: metric rows name their section and baseline; dataset rows their slot
_HASH_BYTES = 16
_MAP_SIZE = 8 << 30  # sparse: costs address space, not disk


@final
@dataclass(frozen=True)
class Record:
    """A row: JSON fields, and bytes for what JSON does not carry well (a picture, an array)."""

    fields: dict[str, Any] = field(default_factory=dict)
    blob: bytes = b""


Row = tuple[bytes, Record]


def _checksum(raw_key: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(
        payload, key=hashlib.blake2b(raw_key, digest_size=32).digest(), digest_size=_HASH_BYTES
    ).digest()


def encode(raw_key: bytes, record: Record) -> bytes:
    """Return a row's value: schema version, checksum of key and payload, length of the JSON, JSON, blob."""
    text = json.dumps(
        record.fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
    payload = struct.pack(">I", len(text)) + text + record.blob
    return bytes([SCHEMA_VERSION]) + _checksum(raw_key, payload) + payload


def decode(raw_key: bytes, value: bytes) -> Record:
    """Return the record of a row's value. Raises CorruptRun naming the row if its checksum or its schema
    version is not right.
    """
    payload = value[1 + _HASH_BYTES :]
    if len(payload) < 4 or value[1 : 1 + _HASH_BYTES] != _checksum(raw_key, payload):
        raise CorruptRun(
            f"row {readable(raw_key)} is damaged: its checksum does not match; see `loopsim verify`"
        )
    if value[0] != SCHEMA_VERSION:
        raise CorruptRun(
            f"row {readable(raw_key)} has schema version {value[0]}; this loopsim reads {SCHEMA_VERSION}: "
            "use the loopsim that made the run"
        )
    (length,) = struct.unpack(">I", payload[:4])
    return Record(json.loads(payload[4 : 4 + length]), bytes(payload[4 + length :]))


@final
class Store:
    """An open store. Use it as a context manager; one writer a run (the run's lock sees to it), any number of
    readers.
    """

    def __init__(self, path: Path, *, create: bool = False, readonly: bool = False) -> None:
        self.path = path
        if not create and not (path / "data.mdb").is_file():
            raise RunNotFound(
                f"{path.parent}: not a loopsim run (it has no {path.name}); `loopsim runs` lists the runs"
            )
        try:
            size = max(_MAP_SIZE, 2 * (path / "data.mdb").stat().st_size) if not create else _MAP_SIZE
            self._env = lmdb.open(
                str(path), map_size=size, readonly=readonly, create=create, sync=True, readahead=False
            )
        except (lmdb.DiskError, lmdb.ReadonlyError, OSError) as error:
            raise storage_error(error, path, path.parent.name) from error
        except lmdb.Error as error:
            if any(word in str(error) for word in ("No space", "Read-only", "Permission", "Input/output")):
                raise storage_error(error, path, path.parent.name) from error
            raise CorruptRun(f"{path}: LMDB cannot open it: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the environment."""
        self._env.close()

    def _begin(self) -> Any:
        """Return a read transaction; a reader follows a writer in another process that has made the map
        larger.
        """
        try:
            return self._env.begin()
        except lmdb.MapResizedError:
            self._env.set_mapsize(0)
            return self._env.begin()

    def get(self, raw_key: bytes) -> Record | None:
        """Return a row's record, or None."""
        with self._begin() as transaction:
            value = transaction.get(raw_key)
        return None if value is None else decode(raw_key, value)

    def scan(self, prefix: bytes) -> Iterator[Row]:
        """Yield the rows whose keys begin with `prefix`, in key order. Finish or close the iterator before
        model work.
        """
        with self._begin() as transaction, transaction.cursor() as cursor:
            found = cursor.set_range(prefix)
            while found and cursor.key().startswith(prefix):
                raw_key = cursor.key()
                yield raw_key, decode(raw_key, cursor.value())
                found = cursor.next()

    def sound(self, prefix: bytes) -> Iterator[Row]:
        """Yield the rows of a prefix whose checksums are right; damaged ones are passed over."""
        for raw_key in self.keys(prefix):
            try:
                record = self.get(raw_key)
            except CorruptRun:
                continue
            if record is not None:
                yield raw_key, record

    def count(self, prefix: bytes) -> int:
        """Return how many keys begin with `prefix`, without reading their values."""
        return len(self.keys(prefix))

    def keys(self, prefix: bytes) -> list[bytes]:
        """Return the keys that begin with `prefix`, in order, without reading their values."""
        with self._begin() as transaction, transaction.cursor() as cursor:
            found, keys = cursor.set_range(prefix), []
            while found and cursor.key().startswith(prefix):
                keys.append(cursor.key())
                found = cursor.next()
        return keys

    def write(self, rows: Iterable[Row], deletes: Iterable[bytes] = ()) -> None:
        """Put all rows and delete the others' keys in one durable transaction."""
        encoded = [(raw_key, encode(raw_key, record)) for raw_key, record in rows]
        deletes = list(deletes)
        if not (self.path / "data.mdb").exists():
            raise RunVanished(
                f"{self.path} has vanished while the run was open; nothing more is written. Bring the "
                "folder back, then resume"
            )
        while True:
            try:
                with self._env.begin(write=True) as transaction:
                    for raw_key, value in encoded:
                        transaction.put(raw_key, value)
                    for raw_key in deletes:
                        transaction.delete(raw_key)
                    faults.reach("store.commit.before")
                break
            except lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()["map_size"])
            except lmdb.Error as error:
                raise storage_error(error, self.path, self.path.parent.name) from error
            except OSError as error:
                raise storage_error(error, self.path, self.path.parent.name) from error
        faults.reach("store.commit.after")

    def digest(self) -> str:
        """Return the hash of every row that is a result. Raises CorruptRun if one is damaged."""
        return self._hash_of(key(table) for table in sorted(set(Table) - set(VOLATILE)))[1]

    def seal(self, generation: int, tables: Iterable[Table]) -> tuple[int, str]:
        """Return how many rows a generation has in `tables`, and their hash."""
        return self._hash_of(key(table, generation) for table in tables)

    def _hash_of(self, prefixes: Iterable[bytes]) -> tuple[int, str]:
        whole, count = hashlib.blake2b(digest_size=16), 0
        for prefix in prefixes:
            for raw_key, record in self.scan(prefix):
                value = encode(raw_key, record)
                whole.update(struct.pack(">II", len(raw_key), len(value)) + raw_key + value)
                count += 1
        return count, whole.hexdigest()

    def damaged(self) -> list[tuple[bytes, str]]:
        """Return (key, what is wrong) for each row whose checksum, schema or key is not right."""
        problems = []
        with self._begin() as transaction, transaction.cursor() as cursor:
            for raw_key, value in cursor:
                try:
                    table_of(raw_key)
                    decode(raw_key, value)
                    parts_of(raw_key)
                except (ValueError, KeyError):
                    problems.append(
                        (raw_key, f"row {readable(raw_key)} belongs to no table that this loopsim knows")
                    )
                except CorruptRun as error:
                    problems.append((raw_key, str(error)))
        return problems
