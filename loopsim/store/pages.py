"""The pages of LMDB's file, read with plain reads: whether they hang together.

LMDB trusts its pages: a damaged one makes it read past the map (SIGBUS), fail an assertion (SIGABRT) or
return something else than what was written. So a store's snapshot is walked here before LMDB may follow it.
The format is that of LMDB 0.9 (data version 1), as lmdb.h and mdb.c of the OpenLDAP project describe it.

The walk goes down a tree by batches of pages in the order of their keys, and looks at all nodes of a batch at
once. It reads the pages that the trees name, and no others, however large the file is or says it is.
"""

import os
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Unsigned = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_META_PAGE = struct.Struct("<QHHHH")  # page number, pad, flags, lower, upper
_META = struct.Struct("<IIQQ")  # magic, version, address, map size
_TREE = struct.Struct("<IHHQQQQQ")  # pad, flags, depth, branch, leaf and overflow pages, entries, root
HEADER = np.dtype([("page", "<u8"), ("", "<u2"), ("flags", "<u2"), ("lower", "<u2"), ("upper", "<u2")])
_EXTENT = np.dtype([("page", "<u8"), ("", "<u2"), ("flags", "<u2"), ("count", "<u4")])  # an overflow's header
_BRANCH, LEAF, _OVERFLOW, _META_FLAG, _DIRTY = 1, 2, 4, 8, 16
NOT_DIRTY = 0xFFFF - _DIRTY
_MAGIC, _VERSION = 0xBEEFC0DE, 1
BIG = 1  # a node whose data lies on overflow pages
_INTEGER_KEYS = 8
_NOWHERE = 2**64 - 1
_DEEPEST = 32  # LMDB's own limit
MIN_MAP_SIZE = 8 << 30  # sparse: costs address space, not disk
PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
BATCH_BYTES = 1 << 21
_ABOVE_ALL = b"\xff" * 65536  # no key is as long
_FIRST_BYTES = np.array([2**64 - 2 ** (64 - 8 * count) for count in range(9)], np.uint64)


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
    page, _, flags, _, _ = _META_PAGE.unpack_from(raw)
    magic, version, _, _ = _META.unpack_from(raw, 16)
    if (page, flags & ~_DIRTY, magic, version) != (number, _META_FLAG, _MAGIC, _VERSION):
        raise DamagedPages(f"{where} is not one of LMDB")
    free, main = _TREE.unpack_from(raw, 40), _TREE.unpack_from(raw, 88)
    if free[0] not in PAGE_SIZES:
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
    pages are checked, which is what LMDB needs to open the file. Cost: the branch and leaf pages are read,
    and 16 bytes of each overflow.
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


@final
@dataclass(frozen=True)
class _Pages:
    """Pages of one depth, in the order of their keys: on page i, bounds[i] <= key < bounds[i + 1]."""

    numbers: Ints
    bounds: list[bytes]

    def batches(self, most: int) -> Iterator["_Pages"]:
        for start in range(0, len(self.numbers), most):
            yield _Pages(self.numbers[start : start + most], self.bounds[start : start + most + 1])


@final
class _Walk:
    """A walk over one snapshot.

    It comes to an end: no two pages of a depth may hold the same key, so that a tree that names a page twice
    is out of order at one of the two places. What else is used twice shows when all is known.
    """

    def __init__(self, descriptor: int, meta: _Meta) -> None:
        self.descriptor, self.meta, self.size = descriptor, meta, meta.page_size
        self.in_file = os.fstat(descriptor).st_size // meta.page_size
        self.limit = min(self.in_file, max(1, meta.last_page) + 1)
        self.used: list[tuple[Ints, Ints]] = []  # from which page on, and before which one
        self.num_used = 0
        self._take(np.array([0], np.uint64), 2, "a meta page")

    def _take(self, pages: Unsigned, counts: Ints | int, what: str) -> Ints:
        """Note that pages are used, `counts` from each on, and return them. Raises DamagedPages if they are
        outside the file, or more than it has.
        """
        begins = np.minimum(pages, self.limit).astype(np.int64)
        ends = begins + counts
        if (ends > self.limit).any():
            where = pages[(ends > self.limit).argmax()]
            raise DamagedPages(f"{what} is page {where}, outside of data.mdb, which has {self.in_file}")
        self.used.append((begins, ends))
        self.num_used += int((ends - begins).sum())
        if self.num_used > self.limit:
            raise DamagedPages(f"{what} is used twice: more pages are named than there are")
        return begins

    def check(self) -> None:
        self._walk(self.meta.main, is_free_list=False)
        self._walk(self.meta.free, is_free_list=True)
        begins, ends = (np.sort(np.concatenate(column)) for column in zip(*self.used, strict=True))
        shared = begins[1:] < ends[:-1]
        if shared.any():
            raise DamagedPages(f"page {begins[1:][shared.argmax()]} is used twice")

    def _walk(self, tree: _Tree, is_free_list: bool) -> None:
        counted = Counter[str]()
        if tree.depth:
            root = self._take(np.array([tree.root], np.uint64), 1, "the first page of a tree")
            level = iter([_Pages(root, [b"", _ABOVE_ALL])])
            for _ in range(tree.depth - 1):
                level = self._children(level, counted, is_free_list)
            for pages in level:
                self._check_leaves(pages, counted, is_free_list)
        names = "branches", "leaves", "overflows", "entries"
        if any(counted[name] != getattr(tree, name) for name in names):
            raise DamagedPages("the tree has not as many pages or rows as its meta page says")

    def _children(
        self, level: Iterator[_Pages], counted: Counter[str], is_free_list: bool
    ) -> Iterator[_Pages]:
        """Check branch pages, and yield the pages below them."""
        for pages in level:
            nodes = self._nodes(pages, _BRANCH, is_free_list)
            counted["branches"] += len(pages.numbers)
            children = self._take(nodes.children, 1, "a page of the tree")
            bounds = nodes.keys()
            # LMDB does not look at a branch's first key: what lies below begins where the branch does.
            for first, bound in zip(nodes.firsts.tolist(), pages.bounds[:-1], strict=True):
                bounds[first] = bound
            bounds.append(pages.bounds[-1])
            yield from _Pages(children, bounds).batches(BATCH_BYTES // self.size)

    def _check_leaves(self, pages: _Pages, counted: Counter[str], is_free_list: bool) -> None:
        nodes = self._nodes(pages, LEAF, is_free_list)
        if (nodes.flags > BIG).any():
            raise DamagedPages("a row is of a kind that loopsim does not write")
        counted["leaves"] += len(pages.numbers)
        counted["entries"] += len(nodes.flags)
        long = np.flatnonzero(nodes.flags)
        extents = nodes.eight_bytes[nodes.data[long]]
        if len(long):
            counted["overflows"] += self._check_overflows(extents, nodes.data_sizes[long])
        if is_free_list:
            places = pages.numbers[nodes.page] * self.size + nodes.data % self.size
            places[long] = extents.astype(np.int64) * self.size + 16
            for place, data_size in zip(places.tolist(), nodes.data_sizes.tolist(), strict=True):
                self._check_free(place, data_size)

    def _nodes(self, pages: _Pages, flag: int, is_free_list: bool) -> "_Nodes":
        """Read pages, those that lie one behind the other together, and check what is in them."""
        bounds = b"".join([*pages.bounds, bytes(self.size)])
        end = len(pages.numbers) * self.size
        raw = np.empty(end + len(bounds), np.uint8)
        raw[end:] = np.frombuffer(bounds, np.uint8)
        cuts = [0, *(np.flatnonzero(np.diff(pages.numbers) != 1) + 1).tolist(), len(pages.numbers)]
        for first, after in pairwise(cuts):
            buffer = raw[first * self.size : after * self.size]
            place = int(pages.numbers[first]) * self.size
            if os.preadv(self.descriptor, [buffer.data], place) != len(buffer):
                raise DamagedPages("data.mdb is cut short")
        nodes = _Nodes(raw, pages, self.size, flag)
        nodes.check_order(is_free_list)
        return nodes

    def _check_overflows(self, pages: Unsigned, data_sizes: Ints) -> int:
        """Check the heads of long rows' pages, and return how many pages there are."""
        needed = (15 + data_sizes) // self.size + 1
        if (pages >= self.in_file).any():
            raise DamagedPages(f"a long row is on page {pages.max()}, outside of data.mdb")
        raw = b"".join([os.pread(self.descriptor, 16, page * self.size) for page in pages.tolist()])
        if len(raw) != 16 * len(pages):
            raise DamagedPages("data.mdb is cut short")
        heads = np.frombuffer(raw, _EXTENT)
        counts = heads["count"].astype(np.int64)
        # An overwritten row may keep more pages than it needs.
        wrong = (heads["page"] != pages) | (heads["flags"] & NOT_DIRTY != _OVERFLOW) | (counts < needed)
        _refuse(wrong, pages, "is not the long row that it should be")
        self._take(pages, counts, "a long row")
        return int(counts.sum())

    def _check_free(self, place: int, data_size: int) -> None:
        """Check a list of free pages: its length, then page numbers, the highest first."""
        count = int.from_bytes(os.pread(self.descriptor, 8, place), "little")
        if data_size < 8 or data_size % 8 or count > data_size // 8 - 1:
            raise DamagedPages("a list of free pages has a wrong length")
        previous = self.meta.last_page + 1
        for start in range(0, 8 * count, BATCH_BYTES):
            wanted = min(BATCH_BYTES, 8 * count - start)
            raw = os.pread(self.descriptor, wanted, place + 8 + start)
            if len(raw) != wanted:
                raise DamagedPages("data.mdb is cut short")
            pages = np.frombuffer(raw, "<u8")
            if int(pages[0]) >= previous or pages[-1] < 2 or (pages[1:] >= pages[:-1]).any():
                raise DamagedPages("a list of free pages is out of order")
            previous = int(pages[-1])
            # A page at the end that was never written may be missing.
            self._take(pages[pages < self.in_file], 1, "a free page")


@final
class _Nodes:
    """The nodes of branch or leaf pages, page by page in the order of their keys.

    raw: the pages, their bounds and a page of zeros. N nodes of P pages: `page` (N,) says on which of them a
    node is, `firsts` (P,) which node is a page's first. Making one raises DamagedPages unless the nodes fill
    each page as LMDB packs them, without a gap.
    """

    def __init__(self, raw: npt.NDArray[np.uint8], pages: _Pages, size: int, flag: int) -> None:
        self.raw, self.pages, self.is_leaf = raw, pages, flag == LEAF
        self.end_of_bounds = len(raw) - size
        numbers, base = pages.numbers, size * np.arange(len(pages.numbers))
        headers = np.ndarray(len(numbers), HEADER, raw, strides=(size,))
        lower, upper = headers["lower"].astype(np.int64), headers["upper"].astype(np.int64)
        wrong = (headers["page"] != numbers) | (headers["flags"] & NOT_DIRTY != flag)
        wrong |= (lower % 2 == 1) | (lower <= 16) | (lower > upper) | (upper > size)
        _refuse(wrong, numbers, f"is not the {'leaf' if self.is_leaf else 'branch'} it should be")
        counts = (lower - 16) // 2
        if not self.is_leaf:
            _refuse(counts < 2, numbers, "is a branch with one child")
        self.firsts = counts.cumsum() - counts
        self.page = np.repeat(np.arange(len(numbers)), counts)
        slots = np.arange(len(self.page)) + (base // 2 + 8 - self.firsts)[self.page]
        offsets = raw[: size * len(numbers)].view("<u2")[slots].astype(np.int64)
        self._refuse((offsets < upper[self.page]) | (offsets > size - 8), "points outside of itself")
        # A node: size of its data or, of a branch, the child's number; flags; size of the key; key; data.
        nodes = base[self.page] + offsets
        self.eight_bytes = np.ndarray(len(raw) - 7, "<u8", raw, strides=(1,))  # from any place on
        heads = self.eight_bytes[nodes]
        self.key_sizes = (heads >> 48).astype(np.int64)
        self.starts = nodes + 8
        self.data = self.starts + self.key_sizes
        lengths = 8 + self.key_sizes
        if self.is_leaf:
            self.flags = heads >> 32 & 0xFFFF
            self.data_sizes = (heads & 0xFFFFFFFF).astype(np.int64)
            lengths += np.where(self.flags & BIG, 8, self.data_sizes)
            self._refuse(self.key_sizes == 0, "has a row without a key")
        else:
            self.children = heads & 0xFFFFFFFFFFFF
        self._refuse(offsets + lengths > size, "has a row that does not fit in")
        ends = nodes + lengths
        # Each node ends where another begins: the first behind the gap, the last before the next page.
        begins = np.sort(np.concatenate([nodes, base + size]).astype(np.int32))
        ends = np.sort(np.concatenate([base + upper, ends + ends % 2]).astype(np.int32))
        where = np.minimum(begins, ends) // size % len(numbers)
        _refuse(begins != ends, numbers[where], "has rows that overlap")

    def _refuse(self, wrong: Flags, problem: str) -> None:
        if wrong.any():
            _refuse(wrong, self.pages.numbers[self.page], problem)

    def keys(self) -> list[bytes]:
        raw, spans = self.raw.tobytes(), zip(self.starts.tolist(), self.data.tolist(), strict=True)
        return [raw[start:end] for start, end in spans]

    def check_order(self, is_free_list: bool) -> None:
        """Raise DamagedPages unless all keys ascend, the pages' bounds between them."""
        starts, sizes, at = self.starts, self.key_sizes, self.firsts
        if not self.is_leaf:  # LMDB does not look at a branch's first key
            starts, sizes = np.delete(starts, at), np.delete(sizes, at)
            at = at - np.arange(len(at))
        if is_free_list and (sizes != 8).any():
            raise DamagedPages("a page is none of the free list")
        bound_sizes = np.fromiter(map(len, self.pages.bounds), np.int64)
        bounds = self.end_of_bounds - bound_sizes[::-1].cumsum()[::-1]
        at = np.append(at, len(starts))
        starts, sizes = np.insert(starts, at, bounds), np.insert(sizes, at, bound_sizes)
        at += np.arange(len(at))  # where the bounds are now
        undecided = np.ones(len(starts) - 1, bool)  # whether each is lower than the next
        for position in range(0, int(self.key_sizes.max()), 8):
            parts = self.eight_bytes[starts + position]
            if not is_free_list:  # whose keys are numbers, the lowest byte first
                parts = parts.byteswap()
            parts &= _FIRST_BYTES[np.minimum(np.maximum(sizes - position, 0), 8)]
            self._refuse_order(undecided & (parts[:-1] > parts[1:]), at)
            undecided &= parts[:-1] == parts[1:]
            if not undecided.any():
                return
        # Where all bytes are alike, the shorter is lower; only a leaf's first key may be its page's bound.
        least = np.ones(len(undecided), np.int64)
        least[at[:-1]] = 0 if self.is_leaf else 1
        self._refuse_order(undecided & (np.diff(sizes) < least), at)

    def _refuse_order(self, wrong: Flags, bounds: Ints) -> None:
        if wrong.any():
            page = self.pages.numbers[np.searchsorted(bounds, wrong.argmax(), "right") - 1]
            raise DamagedPages(f"page {page} has keys out of order, or such as belong elsewhere")


def _refuse(wrong: Flags, pages: npt.NDArray[Any], problem: str) -> None:
    """Raise DamagedPages for the first page at which something is wrong."""
    if wrong.any():
        raise DamagedPages(f"page {pages[wrong.argmax()]} {problem}")
