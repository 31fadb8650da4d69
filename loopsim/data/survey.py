"""Reading a corpus through: every row and every picture is looked at once, and what can be used goes into a
manifest.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pydantic_core import to_json

from loopsim.config import SPLITS, DataConfig, Source
from loopsim.core.errors import DataError
from loopsim.data.corpus import Split
from loopsim.data.formats.corpus_format import parse_source, picture_reader, read_source
from loopsim.data.image_ref import ImageRef
from loopsim.data.images import BadPicture, PictureReader, examine
from loopsim.data.manifest import Manifest, ManifestWriter, hash_bytes
from loopsim.data.reading import Absent, BadRow, Item, Reading, Report

MAX_VALUES = 50
_NUM_THREADS, _LOOKAHEAD = 4, 64


def manifest_path(config: DataConfig, runs_dir: Path) -> Path:
    """Return where a corpus's manifest is: as configured, or beside the runs, named by a hash of what decides
    its content.
    """
    if config.manifest is not None:
        return Path(config.manifest)
    # What is left to a format's defaults counts as if it were written out.
    sources = dict.fromkeys(SPLITS) | {
        split: parse_source(source, f"data.{split}") for split, source in config.sources().items()
    }
    content = to_json({"holdout": config.holdout, "values": config.values} | sources)
    return runs_dir / "manifests" / f"{hashlib.blake2b(content, digest_size=8).hexdigest()}.sqlite"


def survey(config: DataConfig, path: Path, report: Report = lambda split, done: None) -> Manifest:
    """Read a corpus through, write its manifest to `path`, and return it. Raises DataError if something is
    missing altogether.
    """
    writer = ManifestWriter(path)
    absent: Counter[str] = Counter()
    try:
        for split, source in config.sources().items():
            _survey_source(config, split, source, writer, absent, report)
        for split in SPLITS:
            _survey_values(writer, split)
        writer.close(absent)
    except BaseException:
        writer.discard()
        raise
    return Manifest(path)


def _survey_source(
    config: DataConfig,
    role: Split,
    source: Source,
    writer: ManifestWriter,
    absent: Counter[str],
    report: Report,
) -> None:
    key = f"data.{role}"
    readings = read_source(source, key, config.values)
    for done, (reading, outcome) in enumerate(_examined(readings, picture_reader(source, key)), 1):
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
            if problem is None and isinstance(outcome, bytes) and not writer.add(split, reading, outcome):
                problem = "another picture has the same name"
            if problem is not None:
                writer.add_bad(split, BadRow(reading.key, problem))
        report(role, done)


def held_out(key: str, share: float) -> bool:
    """Return whether an item belongs to the held-out share: a function of its key, so that a growing corpus
    keeps its split.
    """
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") < share * 2**64


def _examined(
    readings: Iterator[Reading], reader: PictureReader
) -> Iterator[tuple[Reading, bytes | str | None]]:
    """Yield each reading, in order, with its picture's hash or what is wrong with it; pictures are decoded on
    a few threads, a few ahead.
    """
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        waiting: deque[tuple[Reading, Future[bytes | str] | None]] = deque()
        for reading in readings:
            if isinstance(reading, Item):
                data = reading.data if reading.data is not None else _bytes(reader, reading)
                future = (
                    pool.submit(_look_at, data, reading.place) if isinstance(data, bytes) else _failed(data)
                )
                waiting.append((_without_data(reading), future))
            else:
                waiting.append((reading, None))
            if len(waiting) >= _LOOKAHEAD:
                yield _result(waiting)
        while waiting:
            yield _result(waiting)


def _result(
    waiting: "deque[tuple[Reading, Future[bytes | str] | None]]",
) -> tuple[Reading, bytes | str | None]:
    reading, future = waiting.popleft()
    return reading, None if future is None else future.result()


def _without_data(item: Item) -> Item:
    return Item(item.key, item.place, item.captions, item.groups)


def _failed(reason: str) -> "Future[bytes | str]":
    future: Future[bytes | str] = Future()
    future.set_result(reason)
    return future


def _bytes(reader: PictureReader, item: Item) -> bytes | str:
    try:
        return reader.read(item.place)
    except DataError as error:
        return str(error).partition(";")[0]


def _look_at(data: bytes, place: ImageRef) -> bytes | str:
    try:
        examine(data, place.path if place.length == -1 else "")
    except BadPicture as error:
        return str(error)
    return hash_bytes(data)


def _survey_values(writer: ManifestWriter, split: Split) -> None:
    """Raise DataError if an attribute has so many values that it must be free text."""
    for attribute, count in writer.num_values(split).items():
        if count > MAX_VALUES:
            raise DataError(
                f"{split}: attribute {attribute!r} has {count} different values, more than {MAX_VALUES}: is "
                "its column free text or a number? "
                f"List the ones to use: [data.values] {attribute} = [...]"
            )
