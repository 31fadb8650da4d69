"""The frozen manifest: one SQLite file with every usable item of a corpus, where its bytes lie, and the hash
of those bytes.

It makes runs comparable: where links died every machine has other pictures, and the manifest's own hash says
whether two runs saw the same ones. It is written whole or not at all, and never changed afterwards.
"""

import hashlib
import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

from loopsim.config import SPLITS
from loopsim.core.errors import DataError
from loopsim.data.corpus import Split
from loopsim.data.image_ref import ImageRef
from loopsim.data.reading import BadRow, Item

VERSION = 1
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE items (split TEXT, position INTEGER, key TEXT, path TEXT, start INTEGER, length INTEGER,
  box TEXT, hash BLOB, captions TEXT, groups TEXT,
  PRIMARY KEY (split, position)) WITHOUT ROWID;
CREATE UNIQUE INDEX keys ON items (split, key);
CREATE TABLE bad (split TEXT, place TEXT, reason TEXT);
"""


def hash_bytes(data: bytes) -> bytes:
    """Return the 16-byte hash that the manifest keeps of a picture."""
    return hashlib.blake2b(data, digest_size=16).digest()


@final
@dataclass(frozen=True)
class Entry:
    """One item of the manifest."""

    key: str
    place: ImageRef
    hash: bytes
    captions: tuple[str, ...]
    groups: Mapping[str, str]


@final
@dataclass
class Tally:
    """What one split holds: counts of items, captions, labels by attribute and value, bad rows and things
    that are absent.
    """

    num_items: int = 0
    num_captions: int = 0
    num_bad: int = 0
    num_absent: int = 0
    groups: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def bad_share(self) -> float:
        """The share of rows that could not be used."""
        return self.num_bad / max(1, self.num_bad + self.num_items)


class ManifestWriter:
    """Fills a new manifest beside its final place; `close` puts it there."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._temporary = path, path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._temporary.unlink(missing_ok=True)
        self._db = sqlite3.connect(self._temporary)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        self._positions: Counter[str] = Counter()

    def add(self, split: Split, item: Item, digest: bytes) -> bool:
        """Add an item; another row of the same picture adds its captions. Return False if its key already
        names another picture.
        """
        row = self._db.execute(
            "SELECT hash, captions FROM items WHERE split = ? AND key = ?", (split, item.key)
        ).fetchone()
        if row is not None:
            if row[0] != digest:
                return False
            captions = list(dict.fromkeys([*json.loads(row[1]), *item.captions]))
            self._db.execute(
                "UPDATE items SET captions = ? WHERE split = ? AND key = ?",
                (_json(captions), split, item.key),
            )
            return True
        place = item.place
        box = None if place.box is None else _json(place.box)
        values = (
            split,
            self._positions[split],
            item.key,
            place.path,
            place.offset,
            place.length,
            box,
            digest,
            _json(item.captions),
            _json(item.groups),
        )
        self._db.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._positions[split] += 1
        return True

    def num_values(self, split: Split) -> dict[str, int]:
        """Return how many different values each attribute has."""
        query = (
            "SELECT each.key, count(DISTINCT each.value) FROM items, json_each(items.groups) AS each WHERE "
            "split = ? GROUP BY each.key"
        )
        return dict(self._db.execute(query, (split,)))

    def add_bad(self, split: Split, row: BadRow) -> None:
        """Note a row that was skipped."""
        self._db.execute("INSERT INTO bad VALUES (?, ?, ?)", (split, row.where[:300], row.reason[:300]))

    def close(self, num_absent: Mapping[str, int]) -> str:
        """Seal the manifest, put it in its place, and return its hash."""
        whole = hashlib.blake2b(digest_size=16)
        query = "SELECT split, position, key, box, hash, captions, groups FROM items ORDER BY split, position"
        for row in self._db.execute(query):
            whole.update(repr(row).encode())
        tallies = {split: asdict(self._tally(split, num_absent.get(split, 0))) for split in SPLITS}
        meta = {"version": str(VERSION), "hash": whole.hexdigest(), "tallies": _json(tallies)}
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        self._db.commit()
        self._db.close()
        with self._temporary.open("rb") as file:
            os.fsync(file.fileno())
        self._temporary.replace(self.path)
        return meta["hash"]

    def _tally(self, split: str, num_absent: int) -> Tally:
        found = Tally(num_absent=num_absent)
        found.num_bad = self._db.execute("SELECT count(*) FROM bad WHERE split = ?", (split,)).fetchone()[0]
        for captions, groups in self._db.execute(
            "SELECT captions, groups FROM items WHERE split = ?", (split,)
        ):
            found.num_items += 1
            found.num_captions += len(json.loads(captions))
            for attribute, value in json.loads(groups).items():
                counts = found.groups.setdefault(attribute, {})
                counts[value] = counts.get(value, 0) + 1
        return found

    def discard(self) -> None:
        """Throw away what was written."""
        self._db.close()
        self._temporary.unlink(missing_ok=True)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@final
class Manifest:
    """An open manifest, read item by item: its size does not matter."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataError(
                f"{path}: no such manifest; `loopsim data check CONFIG` reads the corpus and writes it"
            )
        self.path, self._lock = path, threading.Lock()
        try:
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            self._meta = dict(self._db.execute("SELECT name, value FROM meta"))
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{path}: not a manifest ({error}); delete it and run `loopsim data check`"
            ) from error
        if self._meta.get("version") != str(VERSION):
            raise DataError(
                f"{path} has version {self._meta.get('version')}; this loopsim reads {VERSION}: delete it "
                "and run `loopsim data check`"
            )

    @property
    def hash(self) -> str:
        """The hash of its items: pictures, captions and labels, wherever they lie."""
        return str(self._meta["hash"])

    def size(self, split: Split) -> int:
        """Return the number of items of a split."""
        (number,) = self._db.execute("SELECT count(*) FROM items WHERE split = ?", (split,)).fetchone()
        return int(number)

    def entry(self, split: Split, position: int) -> Entry:
        """Return the item at a position. Raises DataError if there is none."""
        query = (
            "SELECT key, path, start, length, box, hash, captions, groups FROM items WHERE split = ? AND "
            "position = ?"
        )
        with self._lock:
            row = self._db.execute(query, (split, position)).fetchone()
        if row is None:
            raise DataError(
                f"{self.path} has no item {position} in {split}; `loopsim data check` shows what it has"
            )
        key, path, start, length, box, digest, captions, groups = row
        place = ImageRef(path, start, length, None if box is None else tuple(json.loads(box)))
        return Entry(key, place, digest, tuple(json.loads(captions)), json.loads(groups))

    def bad_rows(self, split: Split, limit: int) -> list[BadRow]:
        """Return up to `limit` of the rows that were skipped."""
        return [
            BadRow(*row)
            for row in self._db.execute(
                "SELECT place, reason FROM bad WHERE split = ? LIMIT ?", (split, limit)
            )
        ]

    def tally(self, split: Split) -> Tally:
        """Return the split's counts."""
        return Tally(**json.loads(self._meta["tallies"])[split])

    def close(self) -> None:
        """Close the file."""
        self._db.close()
