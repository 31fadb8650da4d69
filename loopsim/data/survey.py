"""Reading a corpus through: every row and every picture is looked at once, and what can be used goes into a
manifest.
"""

import hashlib
import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic_core import to_json

from loopsim.config import SPLITS, DataConfig, Source
from loopsim.core.errors import DataError
from loopsim.core.files import write_atomically
from loopsim.core.text import printable
from loopsim.data.bounded_work import in_order
from loopsim.data.corpus import Split
from loopsim.data.formats.corpus_format import parse_source, read_source
from loopsim.data.images import BadPicture, examine
from loopsim.data.manifest import Manifest, ManifestWriter, Picture, hash_bytes, not_written
from loopsim.data.paths import can_be_a_name, shown
from loopsim.data.picture_reader import PictureReader
from loopsim.data.reading import Absent, BadRow, Item, Reading, Report

MAX_VALUES = 50
_NUM_THREADS = 4
Looked = tuple[Reading, Picture | str]  # a reading, and its picture or what is wrong with it


def manifest_path(config: DataConfig, runs_dir: Path) -> Path:
    """Return where a corpus's manifest is: as configured, or beside the runs, named by a hash of what decides
    its content. Raises DataError if no file can have that name, or something else has it.
    """
    path = _manifest_path(config, runs_dir)
    reason = "is no plain file"
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            return path
    except FileNotFoundError:
        return path
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have that name"
    raise DataError(f"the manifest {shown(path)}: {reason}; name another: data.manifest")


def _manifest_path(config: DataConfig, runs_dir: Path) -> Path:
    if config.manifest is not None:
        return Path(config.manifest)
    # What is left to a format's defaults counts as if it were written out.
    sources = dict.fromkeys(SPLITS) | {
        split: parse_source(source, f"data.{split}") for split, source in config.sources().items()
    }
    content = to_json({"holdout": config.holdout, "values": config.values} | sources)
    return runs_dir / "manifests" / f"{hashlib.blake2b(content, digest_size=8).hexdigest()}.sqlite"


def survey(config: DataConfig, path: Path, report: Report = lambda split, done: None) -> Manifest:
    """Read a corpus through, write its manifest to `path`, whole or not at all, and return it. Raises what
    `write_manifest` does.
    """
    write_manifest(path, lambda place: read_through(config, place, report))
    return Manifest(path)


def write_manifest(path: Path, make: Callable[[Path], object]) -> None:
    """Make or replace a manifest with what `make` writes to the path that it is given. Raises what that does,
    and StorageFailed or DiskFull if the manifest cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, make)
    except (sqlite3.Error, OSError) as error:
        raise not_written(path, error) from error


def read_through(config: DataConfig, path: Path, report: Report) -> None:
    """Read a corpus through and write its manifest to a path that is free. Raises DataError if something is
    missing altogether, sqlite3.Error if it cannot be written.
    """
    absent: Counter[str] = Counter()
    with closing(ManifestWriter(path)) as writer:
        for split, source in config.sources().items():
            _survey_source(config, split, source, writer, absent, report)
        for split in SPLITS:
            _survey_values(writer, split)
        writer.seal(absent)


def _survey_source(
    config: DataConfig,
    role: Split,
    source: Source,
    writer: ManifestWriter,
    absent: Counter[str],
    report: Report,
) -> None:
    readings = _read(read_source(source, f"data.{role}", config.values), role)
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        for done, (reading, outcome) in enumerate(in_order(pool, _looks(readings)), 1):
            split = role
            if isinstance(reading, Absent):
                absent[split] += 1
            elif isinstance(reading, BadRow):
                writer.add_bad(split, reading)
            else:
                if role == "train" and config.retrieval is None and held_out(reading.key, config.holdout):
                    split = "retrieval"
                problem = outcome if isinstance(outcome, str) else None
                if problem is None and not reading.captions and split != "faces":
                    problem = "no caption"
                if problem is None and isinstance(outcome, Picture):
                    problem = writer.add(split, reading, outcome)
                if problem is not None:
                    writer.add_bad(split, BadRow(reading.key, problem))
            report(role, done)


def _read(readings: Iterator[Reading], role: Split) -> Iterator[Reading]:
    """Yield readings; items whose names cannot be kept become bad rows. Raises DataError if a file cannot be
    read on.
    """
    try:
        for reading in readings:
            if isinstance(reading, Item) and not can_be_a_name(reading.key):
                yield BadRow(reading.key, "no name that a picture can have")
            else:
                yield reading
    except OSError as error:
        where = printable(str(error.filename or f"data.{role}"))
        raise DataError(f"{where}: {error.strerror or error}") from error


def held_out(key: str, share: float) -> bool:
    """Return whether an item belongs to the held-out share: a function of its key, so that a growing corpus
    keeps its split.
    """
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") < share * 2**64


def _looks(readings: Iterator[Reading]) -> Iterator[tuple[int, Callable[[], Looked]]]:
    """Yield what is to be done about each reading, with the number of bytes that it holds until then."""
    reader = PictureReader()
    for reading in readings:
        data: bytes | str = ""
        if isinstance(reading, Item):
            data = reading.data if reading.data is not None else _bytes(reader, reading)
            reading = replace(reading, data=None)
        yield len(data), partial(_look_at, reading, data)
    reader.close()


def _bytes(reader: PictureReader, item: Item) -> bytes | str:
    try:
        return reader.read(item.place)
    except DataError as error:
        return str(error).partition(";")[0]


def _look_at(reading: Reading, data: bytes | str) -> Looked:
    if not isinstance(reading, Item):
        return reading, ""
    if isinstance(data, str):
        return reading, data
    try:
        seen = examine(data, reading.place.path if reading.place.length == -1 else "", reading.place.box)
    except BadPicture as error:
        return reading, str(error)
    return reading, Picture(hash_bytes(data), seen.look)


def _survey_values(writer: ManifestWriter, split: Split) -> None:
    """Raise DataError if an attribute has so many values that it must be free text."""
    for attribute, count in writer.num_values(split).items():
        if count > MAX_VALUES:
            raise DataError(
                f"{split}: attribute {attribute!r} has {count} different values, more than {MAX_VALUES}: is "
                "its column free text or a number? "
                f"List the ones to use: [data.values] {attribute} = [...]"
            )
