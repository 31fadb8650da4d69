"""How pictures look, in 56 bytes: enough to find the same picture saved again, smaller or compressed harder.

A look is a 64-bit difference hash (Krawetz 2013: where brightness rises from left to right, on a grid of 8
rows and 9 columns) and the mean colours of 4 x 4 fields. The hash finds candidates quickly, but sees no
colour: two drawings that differ in skin tone alone may share it, so the fields must agree, too.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
from PIL import Image

SIZE: Final = 56  # bytes: 8 of the hash, then 4 x 4 x 3 of colours
RISE: Final = 5  # of 255: smaller steps come and go in a plain field when a picture is saved again
MAX_BITS: Final = 4  # hashes further apart are of two pictures
MAX_COLOUR: Final = 12  # of 255, so are fields
MAX_SHARED: Final = 200  # a key that more pictures share tells nothing
_NUM_BLOCKS, _BATCH = 8, 10_000
_BITS = np.array([value.bit_count() for value in range(256)], np.uint8)


def look_of(image: Image.Image) -> bytes:
    """Return the look of an RGB picture, SIZE bytes."""
    box = Image.Resampling.BOX
    small = image.resize((36, 32), box, reducing_gap=2.0)
    grey = np.asarray(small.resize((9, 8), box).convert("L"), np.int16)
    rises = grey[:, 1:] > grey[:, :-1] + RISE
    return np.packbits(rises).tobytes() + small.resize((4, 4), box).tobytes()


def nearest_look(known: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each of the looks `asked`, uint8 [m, SIZE], which of the looks `known` [n, SIZE] is the same
    picture (-1: none; of several the nearest, then the first), and whether it could be compared at all, bool
    [m].

    Every pair with every other would be too many. Two hashes that differ in at most four bits agree in at
    least four of eight blocks, so for each choice of four blocks those are compared that agree in them (Manku
    et al. 2007): a sort for each choice. A picture is not compared where more than MAX_SHARED agree with it;
    one so plain that this is so for every choice cannot be told from others.
    """
    n, least = len(known), np.full(len(asked), (MAX_BITS + 1) * len(known), np.int64)
    compared = np.zeros(len(asked), bool)
    if n == 0:
        return least - 1, ~compared
    distinct, first = np.unique(known, axis=0, return_index=True)
    hashes, wanted = _hashes(distinct), _hashes(asked)
    for mask in _masks():
        order = np.argsort(hashes & mask, kind="stable")
        keys = (hashes & mask)[order]
        left = np.searchsorted(keys, wanted & mask, "left")
        num = np.searchsorted(keys, wanted & mask, "right") - left
        compared |= num <= MAX_SHARED
        rows = np.flatnonzero((num > 0) & (num <= MAX_SHARED))
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            mine = np.repeat(batch, num[batch])
            others = order[np.repeat(left[batch], num[batch]) + _counted(num[batch])]
            bits = _BITS[(wanted[mine] ^ hashes[others])[:, None].view(np.uint8)].sum(1)
            mine, others, bits = (one[bits <= MAX_BITS] for one in (mine, others, bits))
            alike = _colour_distance(asked[mine], distinct[others]) <= MAX_COLOUR
            np.minimum.at(least, mine[alike], bits[alike].astype(np.int64) * n + first[others[alike]])
    return np.where(least < (MAX_BITS + 1) * n, least % n, -1), compared


def _hashes(looks: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.ascontiguousarray(looks[:, :8]).view(np.uint64)[:, 0]
    return found


def _masks() -> Iterator[np.uint64]:
    """Yield the bits of each choice of blocks. A block has one bit of every row and column of the grid: where
    half of a picture is plain, no block is.
    """
    row, column = np.indices((8, 8))
    block = (row + column) % _NUM_BLOCKS
    for chosen in combinations(range(_NUM_BLOCKS), _NUM_BLOCKS - MAX_BITS):
        yield np.packbits(np.isin(block, chosen)).view(np.uint64)[0]


def _counted(numbers: np.ndarray) -> np.ndarray:
    """Return 0, 1, …, k - 1 for each number k, one after the other."""
    ends = np.cumsum(numbers)
    found: np.ndarray = np.arange(ends[-1]) - np.repeat(ends - numbers, numbers)
    return found


def _colour_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.abs(a[:, 8:].astype(np.int16) - b[:, 8:]).max(1)
    return found
