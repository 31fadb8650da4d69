"""A new store of what a broken one still holds, with the help of its second copy."""

import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from loopsim.core.errors import CorruptRun
from loopsim.store import pages, second_copy
from loopsim.store.codec import decode, kind_of
from loopsim.store.integrity import PhaseKey, stands_on
from loopsim.store.keys import Table, decode_key, table_of
from loopsim.store.rows import PhaseRow
from loopsim.store.seals import is_for_next
from loopsim.store.store import Store

_BATCH = 1000
_SKIPPED = (Table.CHECKPOINT,)  # a page may name one that was replaced since
_LONGEST = 1 << 30  # bytes of a row
_NODE = struct.Struct("<HHHH")  # size low, size high, flags, size of the key


def salvage(broken: Path, directory: Path, target: Path) -> None:
    """Make a store in `target` of the rows that can be read in the pages of the store `broken`, up to the
    last generation that was sealed: whether one holds all its rows, its seal tells.

    `directory`: the run's, whose second copy says which phases were finished. What came after the last seal
    is left out, since nothing tells whether it is whole. Raises CorruptRun if the broken store is a link.
    """
    copied = dict(second_copy.read(directory))
    try:
        # Twice through the file, since all its pictures at once may not fit into memory.
        finished = copied or [key for key, _ in _rows(broken, copied) if table_of(key) is PhaseRow.TABLE]
        kept = _sealed_phases(finished)
        with Store(target, create=True) as store:
            store.restore(row for row in copied.items() if _belongs(row[0], kept))
            rows = (row for row in _rows(broken, copied) if _belongs(row[0], kept))
            while batch := list(islice(rows, _BATCH)):
                store.restore(batch)
    except OSError as error:
        raise CorruptRun(f"{broken}: nothing can be read there: {error}") from error


def _rows(broken: Path, copied: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the sound rows; of the tables that are copied none, if there is a copy."""
    for key, value in rows_in_pages(broken / "data.mdb"):
        if _is_sound(key, value) and not (copied and second_copy.holds(key)):
            yield key, value


def _is_sound(key: bytes, value: bytes) -> bool:
    with suppress(ValueError, KeyError, CorruptRun):
        decode(kind_of(key), key, value)
        return table_of(key) not in _SKIPPED
    return False


def _sealed_phases(rows: Iterable[bytes]) -> set[PhaseKey]:
    """Return the finished phases that a seal covers, by the keys of their rows."""
    places = {
        (int(decode_key(key)[0]), str(decode_key(key)[1])) for key in rows if table_of(key) is PhaseRow.TABLE
    }
    last = max((generation for generation, name in places if name == "commit"), default=-1)
    return {place for place in places if place[0] < last or (place[0] == last and not is_for_next(place[1]))}


def _belongs(key: bytes, kept: set[PhaseKey]) -> bool:
    needed = stands_on(key)
    return needed is None or needed in kept


def rows_in_pages(data: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield every (key, value) that a leaf page anywhere in LMDB's file still holds, as far as it can be
    read.

    Some were deleted or replaced since, and some are damaged: the caller checks each by its checksum. Holes
    of a sparse file are passed over. Of long rows no more is read than four times what the file holds, and a
    gigabyte: forged ones could all name the same pages, or holes.
    """
    descriptor = os.open(data, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = pages.PAGE_SIZES[0]
        with suppress(pages.DamagedPages):
            size = pages.read_metas(descriptor)[0].page_size
        written = list(_written_parts(descriptor))
        left = _LONGEST + 4 * sum(end - start for start, end in written)
        seen = set[int]()  # older versions of a leaf name the same long rows
        for key, value, place, length in _nodes(descriptor, written, size):
            if not place:
                yield key, value
            elif length <= left and hash((key, place, length)) not in seen:
                seen.add(hash((key, place, length)))
                left -= length
                yield key, os.pread(descriptor, length, place)
    finally:
        os.close(descriptor)


def _nodes(
    descriptor: int, written: Iterable[tuple[int, int]], size: int
) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yield what leaf pages have: keys, and values or, of long rows, where they begin and their lengths."""
    for raw in _leaves(descriptor, written, size):
        (lower,) = struct.unpack_from("<H", raw, 12)
        count = min(max(0, lower - 16), size - 16) // 2
        for offset in struct.unpack_from(f"<{count}H", raw, 16):
            if not 16 <= offset <= size - 8:
                continue
            low, high, flags, key_size = _NODE.unpack_from(raw, offset)
            start, length = offset + 8 + key_size, low | high << 16
            key = raw[offset + 8 : start]
            if not flags & pages.BIG:
                yield key, raw[start : start + length], 0, 0
            elif start + 8 <= size:
                (extent,) = struct.unpack_from("<Q", raw, start)
                if 0 < extent < 2**40:
                    yield key, b"", extent * size + 16, min(length, _LONGEST)


def _leaves(descriptor: int, written: Iterable[tuple[int, int]], size: int) -> Iterator[bytes]:
    """Yield the pages that are leaves where they lie; one that is cut short is filled up with zeros."""
    after = 0
    for begin, end in written:
        first, after = max(begin // size, after), -(-end // size)
        for start in range(first, after, pages.BATCH_BYTES // size):
            count = min(pages.BATCH_BYTES // size, after - start)
            raw = os.pread(descriptor, count * size, start * size).ljust(count * size, b"\0")
            headers = np.ndarray(count, pages.HEADER, raw, strides=(size,))
            is_leaf = headers["flags"] & pages.NOT_DIRTY == pages.LEAF
            is_leaf &= headers["page"] == np.arange(start, start + count)
            for number in np.flatnonzero(is_leaf).tolist():
                yield raw[number * size : (number + 1) * size]


def _written_parts(descriptor: int) -> Iterator[tuple[int, int]]:
    """Yield where a file has been written, from and to: what lies between is a hole, and reads as zeros."""
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing more up to the file's end
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def copy_with_holes(source: Path, target: Path) -> None:
    """Copy a file, holes as holes: a forged one may be larger than the disk. Raises OSError."""
    with open(source, "rb", buffering=0) as file, open(target, "xb") as copy:
        for start, end in _written_parts(file.fileno()):
            copy.seek(start)
            for place in range(start, end, pages.BATCH_BYTES):
                copy.write(os.pread(file.fileno(), min(pages.BATCH_BYTES, end - place), place))
        copy.truncate(os.fstat(file.fileno()).st_size)
