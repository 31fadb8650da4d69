"""Tar shards in webdataset's layout, as img2dataset writes them: `<key>.jpg`, `<key>.txt` and `<key>.json`
side by side.

A shard is read once, member by member, and never unpacked; pictures are found again by their place in the
tar. So training reads in any order and resumes at any step, from the same files.
"""

import json
import os
import re
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, cast, final

from braceexpand import braceexpand
from pydantic import Field

from loopsim.config import Section
from loopsim.core.errors import DataError
from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.image_ref import ImageRef
from loopsim.data.images import MAX_BYTES, SUFFIXES
from loopsim.data.paths import is_file, open_plain, read_bytes
from loopsim.data.reading import (
    Absent,
    BadRow,
    Item,
    Reading,
    UnusableText,
    Values,
    clean_captions,
    labels_of,
)

PICTURES = tuple(suffix[1:] for suffixes in SUFFIXES.values() for suffix in suffixes)
MAX_TEXT_BYTES, MAX_HEADER_BYTES, MAX_LIST_BYTES, MAX_SHARDS = 1_000_000, 65_536, 100_000_000, 1_000_000


@final
class WebDatasetSource(Section):
    """Tar shards as img2dataset writes them. `shards`: paths with braces (`cc3m/{00000..00331}.tar`), or a
    text file that lists one a line.

    `labels` maps sensitive attributes to fields of each sample's JSON. Shards that are missing are passed
    over and counted: links die.
    """

    format: Literal["webdataset"]
    shards: str | tuple[str, ...]
    caption_field: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)


def shard_paths(shards: str | tuple[str, ...]) -> list[str]:
    """Return the shards that a source names: braces expanded, lists (any file that is no tar) read. Raises
    DataError.
    """
    found: list[str] = []
    for given in [shards] if isinstance(shards, str) else shards:
        for path in _expanded(given):
            if PurePosixPath(path).name.endswith((".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")):
                raise DataError(
                    f"{path}: a compressed shard cannot be read at random places; unpack it once: gunzip "
                    f"(zstd -d, …) {path}"
                )
            if path.endswith(".tar"):
                found.append(path)
            else:
                content = read_bytes(Path(path), "shard or list of shards", MAX_LIST_BYTES)
                listed = content.decode("utf-8-sig", errors="replace").splitlines()
                found += [line.strip() for line in listed if line.strip() and not line.startswith("#")]
    if not found:
        raise DataError(f"shards = {shards!r} names no shard")
    return found


def _expanded(pattern: str) -> list[str]:
    try:
        ranges = re.findall(r"\{(-?\d{1,18})\.\.(-?\d{1,18})", pattern)
        many = any(abs(int(last) - int(first)) > MAX_SHARDS for first, last in ranges)
        found = [] if many else list(islice(braceexpand(pattern), MAX_SHARDS + 1))
    except (ValueError, RecursionError) as error:
        raise DataError(f"shards = {pattern!r}: its braces do not match") from error
    if many or len(found) > MAX_SHARDS:
        raise DataError(f"shards = {pattern!r}: names more than {MAX_SHARDS:,} shards")
    return found


def read_webdataset(source: WebDatasetSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each sample that has a picture."""
    paths = shard_paths(source.shards)
    if not any(is_file(path) for path in paths):
        raise DataError(
            f"{paths[0]}: no such shard, nor any of {len(paths) - 1} others; relative paths start from the "
            "folder loopsim runs in"
        )
    for path in paths:
        if is_file(path):
            yield from read_shard(Path(path), source, values)
        else:
            yield Absent(path)


def read_shard(path: Path, source: WebDatasetSource, values: Values) -> Iterator[Reading]:
    """Yield a shard's items in order; a shard that is cut short gives what comes before the cut, and a bad
    row.
    """
    sample: dict[str, Any] = {}
    key = None
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            for member in _members(file):
                if member.isdir():
                    continue
                where, name = f"{path.name}, {member.name[:80]}", PurePosixPath(member.name)
                if not member.isreg() or member.issparse():
                    yield BadRow(where, "not a plain file")
                    continue
                if name.is_absolute() or ".." in name.parts:
                    yield BadRow(where, "its name leads out of the shard")
                    continue
                stem, _, extension = name.name.partition(".")
                this = str(name.with_name(stem)) if stem else member.name
                if this != key:
                    yield from _sample(path, key, sample, source, values)
                    key, sample = this, {}
                extension = extension.lower()
                if extension in PICTURES and "picture" not in sample:
                    if member.size > MAX_BYTES:
                        yield BadRow(where, f"{member.size / 1e6:.0f} MB")
                        continue
                    sample["data"] = _content(file, member)
                    sample["picture"] = ImageRef(str(path), member.offset_data, member.size)
                elif extension in ("txt", "json") and member.size <= MAX_TEXT_BYTES:
                    sample[extension] = _content(file, member).decode("utf-8", errors="replace")
                elif extension in ("txt", "json"):
                    yield BadRow(where, f"a text of {member.size / 1e6:.0f} MB")
            yield from _sample(path, key, sample, source, values)
            if not _has_end(file):
                yield BadRow(
                    path.name, "the shard is cut short (it has no end marker); what comes before is read"
                )
    except (
        tarfile.TarError,
        EOFError,
        OSError,
        ValueError,
        RecursionError,
        OverflowError,
        DataError,
    ) as error:
        yield from _sample(path, key, sample, source, values)
        reason = str(error)[:100]
        yield BadRow(path.name, f"the shard is cut short or damaged ({reason}); what comes before is read")


@final
class _Headers:
    """A tar as the library `tarfile` reads it, of which it needs headers only: one that claims to be larger
    (a name of gigabytes) is refused before it is read.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


def _members(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Yield a tar's members in order, each of which lies behind the one before. Raises ReadError."""
    with tarfile.open(fileobj=cast(IO[bytes], _Headers(file)), mode="r:") as tar:
        end = 0
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # it would keep a record of every member
            if member.size < 0 or member.offset_data < end or tar.offset < member.offset_data:
                raise tarfile.ReadError(f"{member.name[:80]} has a size of {member.size:,} bytes")
            end = member.offset_data + member.size
            yield member


def _has_end(file: IO[bytes]) -> bool:
    """Return whether a tar ends as it should, with a block of zeros: one that was cut between two members
    looks whole otherwise.
    """
    file.seek(-min(512, os.fstat(file.fileno()).st_size), os.SEEK_END)
    return not any(file.read())


def _content(file: IO[bytes], member: tarfile.TarInfo) -> bytes:
    data = os.pread(file.fileno(), member.size, member.offset_data)
    if len(data) < member.size:
        raise tarfile.ReadError(f"unexpected end of data in {member.name[:80]}")
    return data


def _sample(
    path: Path, key: str | None, sample: dict[str, Any], source: WebDatasetSource, values: Values
) -> Iterator[Reading]:
    if key is None:
        return
    where = f"{path.stem}/{key}"
    if "picture" not in sample:
        yield Absent(where)  # img2dataset keeps the record of a link that did not answer
        return
    try:
        fields = json.loads(sample["json"]) if "json" in sample else {}
        fields = fields if isinstance(fields, dict) else {}
    except (ValueError, RecursionError):
        yield BadRow(where, "its JSON cannot be read")
        return
    text = (
        fields.get(source.caption_field) if source.caption_field else sample.get("txt", fields.get("caption"))
    )
    try:
        captions = clean_captions(text if isinstance(text, list) else [text])
        yield Item(
            where, sample["picture"], captions, labels_of(fields, source.labels, values), sample["data"]
        )
    except UnusableText as error:
        yield BadRow(where, str(error))


WEBDATASET = CorpusFormat("webdataset", WebDatasetSource, read_webdataset)
