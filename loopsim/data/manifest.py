"""The frozen manifest: one SQLite file with every usable item of a corpus, where its bytes lie, and the hash
of those bytes.

It makes runs comparable: where links died every machine has other pictures, and the manifest's own hash says
whether two runs saw the same ones. It is written whole or not at all, and never changed afterwards.
"""

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

from loopsim.config import SPLITS
from loopsim.core.errors import DataError, DiskFull, LoopsimError, StorageFailed
from loopsim.core.text import printable
from loopsim.data.corpus import Split
from loopsim.data.image_ref import ImageRef
from loopsim.data.paths import is_file
from loopsim.data.reading import BadRow, Item

VERSION = 1
MAX_CAPTIONS, MAX_VALUE_BYTES = 1000, 50_000_000
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE items (split TEXT, position INTEGER, key TEXT, path TEXT, start INTEGER, length INTEGER,
  box TEXT, hash BLOB, captions TEXT, groups TEXT,
  PRIMARY KEY (split, position)) WITHOUT ROWID;
CREATE UNIQUE INDEX keys ON items (split, key);
CREATE TABLE bad (split TEXT, place TEXT, reason TEXT);
CREATE TABLE disputed (split TEXT, key TEXT, attribute TEXT, value TEXT,
  PRIMARY KEY (split, key, attribute, value)) WITHOUT ROWID;
CREATE TABLE looks (split TEXT, position INTEGER, look BLOB, PRIMARY KEY (split, position)) WITHOUT ROWID;
"""
_TABLES = ("meta", "items", "bad")  # older manifests have these alone


def hash_bytes(data: bytes) -> bytes:
    """Return the 16-byte hash that the manifest keeps of a picture."""
    return hashlib.blake2b(data, digest_size=16).digest()


@final
@dataclass(frozen=True)
class Picture:
    """A picture's content: the hash of its bytes, and its look (`looks.look_of`)."""

    hash: bytes
    look: bytes


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
@dataclass(frozen=True)
class Disagreement:
    """A picture whose rows give an attribute several values: it counts for none of them."""

    key: str
    attribute: str
    values: tuple[str, ...]


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
    """Fills a new manifest, in a file that is not there yet. Raises sqlite3.Error and OSError, which
    `not_written` words.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        self._positions: Counter[str] = Counter()

    def add(self, split: Split, item: Item, picture: Picture) -> str | None:
        """Add an item; another row of the same picture adds its captions and labels. Return why it cannot be
        added: its key names another picture already, or it has too many captions.
        """
        row = self._db.execute(
            "SELECT hash, captions, groups FROM items WHERE split = ? AND key = ?", (split, item.key)
        ).fetchone()
        if row is not None:
            if row[0] != picture.hash:
                return "another picture has the same name"
            captions = list(dict.fromkeys([*json.loads(row[1]), *item.captions]))
            if len(captions) > MAX_CAPTIONS:
                return f"more than {MAX_CAPTIONS:,} captions of one picture"
            groups = self._agreed(split, item.key, json.loads(row[2]), item.groups)
            self._db.execute(
                "UPDATE items SET captions = ?, groups = ? WHERE split = ? AND key = ?",
                (_json(captions), _json(groups), split, item.key),
            )
            return None
        if len(item.captions) > MAX_CAPTIONS:
            return f"more than {MAX_CAPTIONS:,} captions of one picture"
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
            picture.hash,
            _json(item.captions),
            _json(item.groups),
        )
        self._db.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._db.execute("INSERT INTO looks VALUES (?, ?, ?)", (*values[:2], picture.look))
        self._positions[split] += 1
        return None

    def _agreed(
        self, split: Split, key: str, known: Mapping[str, str], said: Mapping[str, str]
    ) -> dict[str, str]:
        """Return a picture's labels after another row: an attribute that two rows give two values keeps none,
        whatever a third one says.
        """
        query = "SELECT DISTINCT attribute FROM disputed WHERE split = ? AND key = ?"
        disputed = {name for (name,) in self._db.execute(query, (split, key))}
        disputed |= {name for name, value in said.items() if known.get(name, value) != value}
        values = [(name, one[name]) for one in (known, said) for name in disputed & one.keys()]
        self._db.executemany(
            "INSERT OR IGNORE INTO disputed VALUES (?, ?, ?, ?)", [(split, key, *value) for value in values]
        )
        return {name: value for name, value in {**known, **said}.items() if name not in disputed}

    def num_values(self, split: Split) -> dict[str, int]:
        """Return how many different values each attribute has."""
        query = (
            "SELECT each.key, count(DISTINCT each.value) FROM items, json_each(items.groups) AS each WHERE "
            "split = ? GROUP BY each.key"
        )
        return dict(self._db.execute(query, (split,)))

    def add_bad(self, split: Split, row: BadRow) -> None:
        """Note a row that was skipped."""
        self._db.execute(
            "INSERT INTO bad VALUES (?, ?, ?)",
            (split, printable(row.where[:300]), printable(row.reason[:300])),
        )

    def seal(self, num_absent: Mapping[str, int]) -> None:
        """Write the manifest's hash and counts: it is whole then."""
        whole = hashlib.blake2b(digest_size=16)
        query = "SELECT split, position, key, box, hash, captions, groups FROM items ORDER BY split, position"
        for row in self._db.execute(query):
            whole.update(repr(row).encode())
        tallies = {split: asdict(self._tally(split, num_absent.get(split, 0))) for split in SPLITS}
        meta = {"version": str(VERSION), "hash": whole.hexdigest(), "tallies": _json(tallies)}
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        self._db.commit()

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

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def not_written(path: Path, error: Exception) -> LoopsimError:
    """Return what it means to the user that a manifest could not be written."""
    reason = printable(str(getattr(error, "strerror", None) or error))
    if "full" in reason or "No space" in reason or "quota" in reason:
        return DiskFull(f"{path}: the disk is full; make room, and give the same command again")
    return StorageFailed(
        f"{path} cannot be written ({reason}); see to its folder, or name another: data.manifest"
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@final
class Manifest:
    """An open manifest, read item by item: its size does not matter.

    `hash` is that of its items: pictures, captions and labels, wherever they lie. Raises DataError for a file
    that is no manifest, here and whenever damage is met.
    """

    def __init__(self, path: Path) -> None:
        if not is_file(path):
            raise DataError(
                f"{path}: no such manifest; `loopsim data check CONFIG` reads the corpus and writes it"
            )
        self.path, self._lock = path, threading.Lock()
        try:
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            # A view instead of a table could ask for anything.
            kinds = dict(self._db.execute("SELECT name, type FROM sqlite_master"))
            if any(kinds.get(name) != "table" for name in _TABLES) or "view" in kinds.values():
                raise sqlite3.DatabaseError("it lacks a table")
            self._meta = dict(self._db.execute("SELECT name, value FROM meta"))
        except sqlite3.Error as error:
            raise self._damaged(error) from error
        if self._meta.get("version") != str(VERSION):
            raise DataError(
                f"{path} has version {printable(str(self._meta.get('version'))[:40])}; this loopsim reads "
                f"{VERSION}: delete it and run `loopsim data check`"
            )
        try:
            self._tallies = {split: Tally(**json.loads(self._meta["tallies"])[split]) for split in SPLITS}
            self.hash = str(self._meta["hash"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        reason = printable(str(error)[:100])
        return DataError(f"{self.path}: not a manifest ({reason}); delete it and run `loopsim data check`")

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except (sqlite3.Error, OverflowError) as error:
            raise self._damaged(error) from error

    def size(self, split: Split) -> int:
        """Return the number of items of a split."""
        return int(self._rows("SELECT count(*) FROM items WHERE split = ?", (split,))[0][0])

    def entry(self, split: Split, position: int) -> Entry:
        """Return the item at a position. Raises DataError if there is none."""
        query = (
            "SELECT key, path, start, length, box, hash, captions, groups FROM items WHERE split = ? AND "
            "position = ?"
        )
        rows = self._rows(query, (split, position))
        if not rows:
            raise DataError(
                f"{self.path} has no item {position} in {split}; `loopsim data check` shows what it has"
            )
        key, path, start, length, box, digest, captions, groups = rows[0]
        try:
            place = ImageRef(str(path), int(start), int(length), None if box is None else _box(box))
            texts = tuple(str(caption) for caption in json.loads(captions))
            labels = {str(name): str(label) for name, label in json.loads(groups).items()}
            return Entry(str(key), place, digest, texts, labels)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(error) from error

    def bad_rows(self, split: Split, limit: int) -> list[BadRow]:
        """Return up to `limit` of the rows that were skipped."""
        rows = self._rows("SELECT place, reason FROM bad WHERE split = ? LIMIT ?", (split, limit))
        return [BadRow(str(place), str(reason)) for place, reason in rows]

    def num_disagreements(self, split: Split) -> int:
        """Return how many labels rows disagree about."""
        query = "SELECT count(*) FROM (SELECT DISTINCT key, attribute FROM disputed WHERE split = ?)"
        return int(self._rows(query, (split,))[0][0])

    def disagreements(self, split: Split, limit: int) -> list[Disagreement]:
        """Return up to `limit` of the labels that rows disagree about, by the names of their pictures."""
        query = (
            "SELECT key, attribute, json_group_array(value) FROM disputed WHERE split = ? "
            "GROUP BY key, attribute LIMIT ?"
        )
        rows = self._rows(query, (split, limit))
        return [Disagreement(key, attribute, tuple(json.loads(values))) for key, attribute, values in rows]

    def copies(self, split: Split) -> dict[int, int]:
        """Return the positions of a split's items whose bytes (and region) train has, too, each with the
        first such position in train.
        """
        query = (
            "SELECT mine.position, train.first FROM items AS mine JOIN (SELECT hash, ifnull(box, '') AS "
            "region, min(position) AS first FROM items WHERE split = 'train' GROUP BY 1, 2) AS train "
            "ON train.hash = mine.hash AND train.region = ifnull(mine.box, '') WHERE mine.split = ?"
        )
        return dict(self._rows(query, (split,)))

    def looks(self, split: Split) -> list[bytes]:
        """Return the looks of a split's items, in their order."""
        query = "SELECT look FROM looks WHERE split = ? ORDER BY position"
        return [look for (look,) in self._rows(query, (split,))]

    def tally(self, split: Split) -> Tally:
        """Return the split's counts."""
        return self._tallies[split]

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _box(text: str) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, json.loads(text))
    return left, top, right, bottom
