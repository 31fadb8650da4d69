"""The pages of LMDB's file, read with plain reads: whether they hang together, and what can be salvaged where
they do not.

LMDB trusts its pages: a damaged one makes it read past the map (SIGBUS), fail an assertion (SIGABRT) or
return something else than what was written. So a store's snapshot is walked here before LMDB may follow it.
The format is that of LMDB 0.9 (data version 1), as lmdb.h and mdb.c of the OpenLDAP project describe it.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import final

_HEADER = struct.Struct("<QHHHH")  # page number, pad, flags, lower, upper
_EXTENT = struct.Struct("<QHHI")  # of an overflow page: page number, pad, flags, number of pages
_META = struct.Struct("<IIQQ")  # magic, version, address, map size
_TREE = struct.Struct("<IHHQQQQQ")  # pad, flags, depth, branch, leaf and overflow pages, entries, root
_NODE = struct.Struct("<HHHH")  # size low, size high, flags, size of the key
_BRANCH, _LEAF, _OVERFLOW, _META_FLAG, _DIRTY = 1, 2, 4, 8, 16
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_BIG = 1  # a node whose data lies on overflow pages
_INTEGER_KEYS = 8
_NOWHERE = 2**64 - 1
_DEEPEST = 32  # LMDB's own limit
MIN_MAP_SIZE = 8 << 30  # sparse: costs address space, not disk
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)


class DamagedPages(Exception):
    """The pages do not hang together; says where."""


@final
@dataclass(frozen=True)
class _Tree:
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


@final
@dataclass(frozen=True)
class _Meta:
    page_size: int
    free: _Tree
    main: _Tree
    last_page: int
    transaction: int


def _tree(raw: tuple[int, ...], flags: int, which: str) -> _Tree:
    if raw[1] != flags or raw[2] > _DEEPEST or (raw[7] == _NOWHERE) != (raw[2] == 0):
        raise DamagedPages(f"{which} is not one of a loopsim store")
    return _Tree(*raw[2:])


def _meta_of(raw: bytes, number: int) -> _Meta:
    where = f"meta page {number}"
    page, _, flags, _, _ = _HEADER.unpack_from(raw)
    magic, version, _, _ = _META.unpack_from(raw, 16)
    if (page, flags & ~_DIRTY, magic, version) != (number, _META_FLAG, _MAGIC, _VERSION):
        raise DamagedPages(f"{where} is not one of LMDB")
    free, main = _TREE.unpack_from(raw, 40), _TREE.unpack_from(raw, 88)
    if free[0] not in _PAGE_SIZES:
        raise DamagedPages(f"{where} has an impossible page size of {free[0]}")
    last, transaction = struct.unpack_from("<QQ", raw, 136)
    return _Meta(
        free[0], _tree(free, _INTEGER_KEYS, f"{where}'s free list"), _tree(main, 0, f"{where}'s tree"),
        last, transaction,
    )  # fmt: skip


def read_metas(descriptor: int) -> tuple[_Meta, _Meta]:
    """Return both meta pages. Raises DamagedPages unless each is sound and they follow one another."""
    size = os.fstat(descriptor).st_size
    start = os.pread(descriptor, 152, 0)
    if len(start) < 152:
        raise DamagedPages(f"data.mdb has only {size} bytes")
    first = _meta_of(start, 0)
    second_raw = os.pread(descriptor, 152, first.page_size)
    if len(second_raw) < 152:
        raise DamagedPages(f"data.mdb has only {size} bytes")
    second = _meta_of(second_raw, 1)
    numbers = first.transaction, second.transaction
    # Transactions are written to the two pages in turn.
    in_turn = abs(numbers[0] - numbers[1]) == 1 and numbers[0] % 2 == 0
    if first.page_size != second.page_size or not (in_turn or numbers == (0, 0)):
        raise DamagedPages(f"the meta pages do not follow one another (transactions {numbers})")
    for number, meta in enumerate((first, second)):
        if (meta.last_page + 1) * meta.page_size > map_size(size):
            raise DamagedPages(f"meta page {number} names page {meta.last_page}, far outside of data.mdb")
    return first, second


def map_size(size: int) -> int:
    """Return how much address space, in bytes, a data file of `size` bytes is opened with: LMDB maps as many
    pages as its meta page names, if they are more, and so never has more than that.
    """
    return max(MIN_MAP_SIZE, 2 * size)


def check(path: Path, transaction: int | None = None) -> None:
    """Raise DamagedPages unless every page that a snapshot needs is sound, and named once.

    `path`: LMDB's data file. `transaction`: the snapshot's, which a reader holds; without one only the meta
    pages are checked, which is what LMDB needs to open the file. Cost: one read a branch or leaf page, and 16
    bytes of each overflow.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        metas = read_metas(descriptor)
        if transaction is None:
            return
        chosen = [meta for meta in metas if meta.transaction == transaction]
        if not chosen:
            raise DamagedPages(f"no meta page is of transaction {transaction}")
        _Walk(descriptor, chosen[0]).check()
    finally:
        os.close(descriptor)


class _Walk:
    """A walk over one snapshot."""

    def __init__(self, descriptor: int, meta: _Meta) -> None:
        self.descriptor, self.meta, self.size = descriptor, meta, meta.page_size
        num_pages = os.fstat(descriptor).st_size // meta.page_size
        self.used = bytearray(num_pages)
        self._take(0, 2, "a meta page")

    def _take(self, page: int, count: int, what: str) -> None:
        """Note that pages are used. Raises DamagedPages if they are outside the file or used twice."""
        if page + count - 1 > max(1, self.meta.last_page) or page + count > len(self.used):
            raise DamagedPages(f"{what} is page {page}, outside of data.mdb, which has {len(self.used)}")
        if any(self.used[page : page + count]):
            raise DamagedPages(f"{what} is page {page}, which something else uses")
        self.used[page : page + count] = b"\1" * count

    def check(self) -> None:
        self._walk(self.meta.main, is_free_list=False)
        self._walk(self.meta.free, is_free_list=True)

    def _walk(self, tree: _Tree, is_free_list: bool) -> None:
        counted = [0, 0, 0, 0]  # branch, leaf, overflow pages; entries
        todo: list[tuple[int, int, bytes | None, bytes | None]] = []
        if tree.depth:
            todo.append((tree.root, 1, None, None))
        while todo:
            page, depth, low, high = todo.pop()
            is_leaf = depth == tree.depth
            self._take(page, 1, "a page of the tree")
            raw = os.pread(self.descriptor, self.size, page * self.size)
            keys, nodes = _nodes(raw, page, self.size, _LEAF if is_leaf else _BRANCH)
            keys = [_sortable(key, page) for key in keys] if is_free_list else keys
            if not is_leaf:
                keys[0] = low or b""  # LMDB does not look at it
            _check_order(keys, page, low, high)
            counted[1 if is_leaf else 0] += 1
            if is_leaf:
                counted[3] += len(nodes)
                for node in (node for node in nodes if node[3] or is_free_list):
                    counted[2] += self._check_leaf_node(raw, node, is_free_list)
            else:
                for number, (offset, _, _, _) in enumerate(nodes):
                    low_size, high_size, top, _ = _NODE.unpack_from(raw, offset)
                    child = low_size | high_size << 16 | top << 32
                    end = keys[number + 1] if number + 1 < len(keys) else high
                    todo.append((child, depth + 1, keys[number] or None, end))
        if tuple(counted) != (tree.branches, tree.leaves, tree.overflows, tree.entries):
            raise DamagedPages("the tree has not as many pages or rows as its meta page says")

    def _check_leaf_node(self, raw: bytes, node: tuple[int, int, int, int], is_free_list: bool) -> int:
        """Check what a leaf's node points to, and return how many overflow pages it has."""
        offset, key_size, data_size, flags = node
        start, count = offset + 8 + key_size, 0
        if flags & ~_BIG:
            raise DamagedPages("a row is of a kind that loopsim does not write")
        if flags & _BIG:
            (page,) = struct.unpack_from("<Q", raw, start)
            count = self._check_overflow(page, data_size)
        if is_free_list:
            data = (
                os.pread(self.descriptor, data_size, page * self.size + 16)
                if flags & _BIG
                else raw[start : start + data_size]
            )
            self._check_free(data)
        return count

    def _check_overflow(self, page: int, data_size: int) -> int:
        needed = (15 + data_size) // self.size + 1
        raw = os.pread(self.descriptor, 16, page * self.size) if page < len(self.used) else b""
        if len(raw) < 16:
            raise DamagedPages(f"a long row is on page {page}, outside of data.mdb")
        number, _, flags, count = _EXTENT.unpack(raw)
        # An overwritten row may keep more pages than it needs.
        if number != page or flags & ~_DIRTY != _OVERFLOW or count < needed:
            raise DamagedPages(f"page {page} is not the long row that it should be")
        self._take(page, count, "a long row")
        return int(count)

    def _check_free(self, data: bytes) -> None:
        """Check a list of free pages: its length, then page numbers, the highest first."""
        count = int.from_bytes(data[:8], "little")
        if len(data) < 8 or len(data) % 8 or count > len(data) // 8 - 1:
            raise DamagedPages("a list of free pages has a wrong length")
        pages = struct.unpack_from(f"<{count}Q", data, 8)
        previous = self.meta.last_page + 1
        for page in pages:
            if not 2 <= page < previous:
                raise DamagedPages(f"the list of free pages names page {page} out of order")
            previous = page
            if page < len(self.used):  # a page at the end that was never written may be missing
                self._take(page, 1, "a free page")


def _nodes(
    raw: bytes, page: int, size: int, flag: int
) -> tuple[list[bytes], list[tuple[int, int, int, int]]]:
    """Return the keys and the nodes (offset, size of key, size of data, flags) of a branch or leaf page.

    Raises DamagedPages unless they fill the page as LMDB packs them, without a gap.
    """
    if len(raw) < size:
        raise DamagedPages(f"page {page} is cut short")
    number, _, flags, lower, upper = _HEADER.unpack_from(raw)
    count = (lower - 16) // 2
    if number != page or flags & ~_DIRTY != flag or lower % 2 or not 16 < lower <= upper <= size:
        raise DamagedPages(f"page {page} is not the {'leaf' if flag == _LEAF else 'branch'} it should be")
    if flag == _BRANCH and count < 2:
        raise DamagedPages(f"page {page} is a branch with {count} child")
    offsets = struct.unpack_from(f"<{count}H", raw, 16)
    keys, nodes, spans = [], [], []
    for offset in offsets:
        if not upper <= offset <= size - 8:
            raise DamagedPages(f"page {page} points outside of itself")
        low, high, node_flags, key_size = _NODE.unpack_from(raw, offset)
        data_size = low | high << 16 if flag == _LEAF else 0
        inside = 0 if flag == _BRANCH else 8 if node_flags & _BIG else data_size
        end = offset + 8 + key_size + inside
        if end > size or not (key_size or flag == _BRANCH):
            raise DamagedPages(f"page {page} has a row that does not fit into it")
        keys.append(raw[offset + 8 : offset + 8 + key_size])
        nodes.append((offset, key_size, data_size, node_flags if flag == _LEAF else 0))
        spans.append((offset, end + end % 2))
    spans.sort()
    ends = [upper, *(end for _, end in spans)]
    if [start for start, _ in spans] != ends[:-1] or ends[-1] != size:
        raise DamagedPages(f"page {page} has rows that overlap")
    return keys, nodes


def _sortable(key: bytes, page: int) -> bytes:
    """Return a key of the free list, a transaction number, so that it sorts as bytes do."""
    if len(key) not in (0, 8):
        raise DamagedPages(f"page {page} is no page of the free list")
    return key[::-1]


def _check_order(keys: list[bytes], page: int, low: bytes | None, high: bytes | None) -> None:
    if any(one >= other for one, other in pairwise(keys)):
        raise DamagedPages(f"page {page} has keys out of order")
    if (low is not None and keys[0] < low) or (high is not None and keys[-1] >= high):
        raise DamagedPages(f"page {page} has keys that belong elsewhere")


def salvage(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield every (key, value) that a leaf page anywhere in the file still holds, as far as it can be read.

    Some were deleted or replaced since, and some are damaged: the caller checks each by its checksum.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = _PAGE_SIZES[0]
        with suppress(DamagedPages):
            size = read_metas(descriptor)[0].page_size
        for page in range(os.fstat(descriptor).st_size // size + 1):
            raw = os.pread(descriptor, size, page * size)
            for offset in _node_offsets(raw.ljust(size, b"\0"), page):
                low, high, flags, key_size = _NODE.unpack_from(raw.ljust(size, b"\0"), offset)
                start, length = offset + 8 + key_size, low | high << 16
                key = raw[offset + 8 : start]
                if flags & _BIG and len(raw) >= start + 8:
                    (extent,) = struct.unpack_from("<Q", raw, start)
                    if extent < 2**40:
                        yield key, os.pread(descriptor, min(length, 1 << 30), extent * size + 16)
                else:
                    yield key, raw[start : start + length]
    finally:
        os.close(descriptor)


def _node_offsets(raw: bytes, page: int) -> list[int]:
    number, _, flags, lower, _ = _HEADER.unpack_from(raw)
    if number != page or flags & ~_DIRTY != _LEAF:
        return []
    count = min(max(0, lower - 16) // 2, (len(raw) - 16) // 2)
    return [offset for offset in struct.unpack_from(f"<{count}H", raw, 16) if 16 <= offset <= len(raw) - 8]
