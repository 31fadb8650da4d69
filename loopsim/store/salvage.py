"""A new store of what a broken one still holds, with the help of its second copy."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

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
    for key, value in pages.salvage(broken / "data.mdb"):
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
