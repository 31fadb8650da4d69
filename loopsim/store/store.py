"""The store: checksummed rows in LMDB, one transaction at a time. The only file that imports lmdb.

What callers may rely on: `write` is all or nothing and durable when it returns; a read returns exactly what
was written or raises CorruptRun; rows of a prefix come in key order; `digest` is a function of the rows
alone, without the volatile tables. Rows of older schemas are read as today's; what is written has today's
schema.
"""

import hashlib
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar, final

import lmdb

from loopsim.core import faults
from loopsim.core.errors import CorruptRun, RunHeld, RunNotFound, RunVanished, storage_error
from loopsim.store import pages, second_copy
from loopsim.store.codec import decode, encode, kind_of
from loopsim.store.keys import VOLATILE, Key, Part, Table, decode_key, encode_key, readable, table_of
from loopsim.store.row import Row

R = TypeVar("R", bound=Row)
RowName = tuple[type[Row], Key]
DATA_FILE = "data.mdb"
_BROKEN = (
    lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError,
    lmdb.MapResizedError,
)  # fmt: skip
# LMDB lets a process open an environment once only, so that its readers and its writer share one: by path,
# whether it is read-only, and how many stores use it.
_open: dict[str, tuple[Any, bool, int]] = {}
_guard = threading.Lock()


def _acquire(path: Path, readonly: bool, create: bool) -> Any:
    name = os.path.realpath(path)
    with _guard:
        if name in _open:
            env, only_read, users = _open[name]
            if only_read and not readonly:
                raise RunHeld(f"run {path.parent.name} is open for reading in this process; close it first")
            _open[name] = (env, only_read, users + 1)
            return env
        _require_own_files(path)
        if not create:
            _require_sound(path, None)
        size = pages.map_size(0 if create else (path / DATA_FILE).stat().st_size)
        env = lmdb.open(name, map_size=size, readonly=readonly, create=create, sync=True, readahead=False)
        try:
            # What processes held that were killed while they read, else no slot would be left some day.
            env.reader_check()
            _require_sound_snapshot(path, env)
        except BaseException:
            env.close()
            raise
        _open[name] = (env, readonly, 1)
        return env


def _require_own_files(path: Path) -> None:
    """Raise CorruptRun if the store's folder or a file in it is a link to somewhere else: LMDB would write
    there.
    """
    for part, wanted in (
        (path, stat.S_ISDIR),
        (path / DATA_FILE, stat.S_ISREG),
        (path / "lock.mdb", stat.S_ISREG),
    ):
        try:
            found = os.lstat(part)
        except FileNotFoundError:
            continue
        if not wanted(found.st_mode) or (part != path and found.st_nlink > 1):
            raise CorruptRun(
                f"{part} is a link or no ordinary file: loopsim opens only what lies in the run itself; "
                "copy the run with what its links point to (cp -rL), or delete it"
            )


def _require_sound(path: Path, transaction: int | None) -> None:
    """Raise CorruptRun unless LMDB can follow the pages of a snapshot. A reader may see a meta page that is
    being written: what is wrong is looked at again.
    """
    for attempt in range(3):
        try:
            pages.check(path / DATA_FILE, transaction)
            return
        except pages.DamagedPages as error:
            if attempt == 2:
                raise DamagedStore(
                    f"{path} is damaged: {error}; `loopsim repair {path.parent.name}` saves what is sound"
                ) from error
        time.sleep(0.05 * attempt)


def _require_sound_snapshot(path: Path, env: Any) -> None:
    """Check the newest snapshot, which is held meanwhile; a writer may leave it behind: then the next."""
    for attempt in range(5):
        with env.begin() as transaction:
            number = transaction.id()
            try:
                _require_sound(path, number)
                return
            except CorruptRun:
                if attempt == 4 or _last_transaction(env) == number:
                    raise


def _last_transaction(env: Any) -> int:
    return int(env.info()["last_txnid"])


def _give_back(env: Any) -> None:
    with _guard:
        for name, (shared, only_read, users) in list(_open.items()):
            if shared is env and users > 1:
                _open[name] = (env, only_read, users - 1)
            elif shared is env:
                del _open[name]
                env.close()


@final
class DamagedStore(CorruptRun):
    """The store's pages do not hang together: its rows can only be salvaged."""


def _prefix(kind: type[Row], parts: tuple[Part, ...]) -> bytes:
    return encode_key(kind.TABLE, *((kind.NAME,) if kind.NAME else parts))


def hash_of_rows(rows: Iterable[tuple[bytes, bytes]], start: str = "") -> tuple[dict[str, int], str]:
    """Return how many encoded rows there are by table, and one hash of `start` and them all.

    Raises CorruptRun if one is damaged.
    """
    whole, counts = hashlib.blake2b(start.encode(), digest_size=16), Counter[str]()
    for raw_key, value in rows:
        decode(kind_of(raw_key), raw_key, value)
        whole.update(len(raw_key).to_bytes(4, "big") + len(value).to_bytes(4, "big") + raw_key + value)
        counts[str(table_of(raw_key))] += 1
    return dict(counts), whole.hexdigest()


@final
class Store:
    """An open store. Use it as a context manager; one writer a run (the run's lock sees to it), many
    readers.
    """

    def __init__(self, path: Path, *, create: bool = False, readonly: bool = False) -> None:
        self.path = path
        if not create and not (path / DATA_FILE).is_file():
            raise RunNotFound(
                f"{path.parent}: not a loopsim run (it has no {path.name}); `loopsim runs` lists the runs"
            )
        try:
            self._env = _acquire(path, readonly, create)
        except _BROKEN as error:
            raise DamagedStore(
                f"{path} is damaged: LMDB cannot open it ({error}); `loopsim repair {path.parent.name}` "
                "saves what is sound"
            ) from error
        except lmdb.ReadersFullError as error:
            raise RunHeld(
                f"{path}: too many processes read run {path.parent.name}; wait for one to end"
            ) from error
        except (lmdb.Error, OSError) as error:
            raise storage_error(error, path, path.parent.name) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the environment."""
        _give_back(self._env)

    def _begin(self) -> Any:
        """Return a read transaction; a reader follows a writer in another process that made the map
        larger.
        """
        try:
            return self._env.begin()
        except lmdb.MapResizedError:
            self._env.set_mapsize(0)
            return self._env.begin()

    def get(self, kind: type[R], *key: Part) -> R | None:
        """Return the row of that key, or None. Raises CorruptRun if it is damaged."""
        raw_key = _prefix(kind, key)
        with self._begin() as transaction:
            value = transaction.get(raw_key)
        return None if value is None else decode(kind, raw_key, value)

    def scan(self, kind: type[R], *prefix: Part) -> Iterator[R]:
        """Yield the rows whose keys begin so, in key order. Finish or close the iterator before model
        work.
        """
        for raw_key, value in self.values(_prefix(kind, prefix)):
            yield decode(kind, raw_key, value)

    def values(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield encoded keys that begin with `prefix` and their values, in order, unchecked."""
        with self._begin() as transaction, transaction.cursor() as cursor:
            found = cursor.set_range(prefix)
            while found and cursor.key().startswith(prefix):
                yield cursor.key(), cursor.value()
                found = cursor.next()

    def sound(self, kind: type[R], *prefix: Part) -> Iterator[R]:
        """Yield the rows that are not damaged; damaged ones are passed over."""
        for key in self.keys(kind, *prefix):
            try:
                row = self.get(kind, *key)
            except CorruptRun:
                continue
            if row is not None:
                yield row

    def keys(self, kind: type[Row], *prefix: Part) -> list[Key]:
        """Return the rows' keys, in order, without reading their values; keys of a wrong shape are left
        out.
        """
        found = []
        for raw_key in self.raw_keys(_prefix(kind, prefix)):
            try:
                found.append(decode_key(raw_key))
            except ValueError:
                continue  # `damaged` tells of it
        return found

    def count(self, kind: type[Row], *prefix: Part) -> int:
        """Return how many rows have keys that begin so, without reading their values."""
        return len(self.raw_keys(_prefix(kind, prefix)))

    def raw_keys(self, prefix: bytes = b"") -> list[bytes]:
        """Return the encoded keys that begin with `prefix`, in order: for what looks at rows of any kind."""
        with self._begin() as transaction, transaction.cursor() as cursor:
            found, keys = cursor.set_range(prefix), []
            while found and cursor.key().startswith(prefix):
                keys.append(cursor.key())
                found = cursor.next()
        return keys

    def write(self, rows: Iterable[Row], deletes: Iterable[RowName] = ()) -> None:
        """Put all rows and delete the named others in one durable transaction."""
        encoded = [(row.raw_key, encode(row)) for row in rows]
        dropped = [_prefix(kind, key) for kind, key in deletes]
        self._commit(encoded, dropped)

    def drop(self, raw_keys: Iterable[bytes]) -> None:
        """Delete rows by their encoded keys, in one durable transaction: for the repair of what cannot be
        decoded.
        """
        self._commit([], list(raw_keys))

    def copy_from(
        self, source: "Store", chosen: Callable[[type[Row], Key], bool], more: Iterable[Row]
    ) -> None:
        """Put another store's chosen rows, as they stand there, and `more` of one's own in one durable
        transaction.

        Raises CorruptRun if a chosen row is damaged.
        """
        encoded = []
        for raw_key, value in source.values():
            kind = kind_of(raw_key)
            if chosen(kind, decode_key(raw_key)):
                decode(kind, raw_key, value)
                encoded.append((raw_key, value))
        self._commit([*encoded, *((row.raw_key, encode(row)) for row in more)], [])

    def restore(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Put rows that are encoded already, in one durable transaction: what a repair saved."""
        self._commit(list(rows), [])

    def _commit(self, encoded: list[tuple[bytes, bytes]], dropped: list[bytes]) -> None:
        if not (self.path / DATA_FILE).exists():
            raise RunVanished(
                f"{self.path} has vanished while the run was open; nothing more is written. Bring the "
                "folder back, "
                "then resume"
            )
        while True:
            try:
                with self._env.begin(write=True) as transaction:
                    for raw_key, value in encoded:
                        transaction.put(raw_key, value)
                    for raw_key in dropped:
                        transaction.delete(raw_key)
                    faults.reach("store.commit.before")
                break
            except lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()["map_size"])
            except (lmdb.Error, OSError) as error:
                raise storage_error(error, self.path, self.path.parent.name) from error
        faults.reach("store.commit.after")
        if any(second_copy.holds(raw_key) for raw_key in (*dict(encoded), *dropped)):
            self.copy_again()

    def copy_again(self) -> None:
        """Write the second copy anew, beside the database."""
        try:
            rows = [row for table in second_copy.TABLES for row in self.values(encode_key(table))]
            second_copy.write(self.path.parent, rows)
        except OSError as error:
            raise storage_error(error, self.path.parent, self.path.parent.name) from error

    def digest(self) -> str:
        """Return the hash of every row that is a result. Raises CorruptRun if one is damaged."""
        tables = sorted(set(Table) - set(VOLATILE))
        return hash_of_rows(row for table in tables for row in self.values(encode_key(table)))[1]

    def damaged(self) -> list[tuple[bytes, str]]:
        """Return (encoded key, what is wrong) for each row whose checksum, schema, key or shape is not
        right.
        """
        problems = []
        for raw_key, value in self.values():
            try:
                decode(kind_of(raw_key), raw_key, value)
                decode_key(raw_key)
            except (ValueError, KeyError):
                problem = f"row {readable(raw_key)} belongs to no table that this loopsim knows"
                problems.append((raw_key, problem))
            except CorruptRun as error:
                problems.append((raw_key, str(error)))
        return problems
