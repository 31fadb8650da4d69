"""What LMDB writes is called sound; no change to its pages is silent or kills a reader."""

import os
import random
import shutil
import signal
from collections import Counter
from pathlib import Path

import lmdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopsim.core.errors import CorruptRun
from loopsim.store import pages
from loopsim.store.rows import SampleRow
from loopsim.store.salvage import rows_in_pages
from loopsim.store.store import DamagedStore, Store
from tests.helpers.page_damage import KINDS, damaged_copy, outcome_of

NUM_CHANGES = int(os.environ.get("LOOPSIM_FUZZ", "140"))
FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-v2" / "state.lmdb"
SOUND, NOTHING_CHANGED, ROWS, PAGES, SILENT = range(5)
changes = st.lists(
    st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.sampled_from([0, 1, 300, 2030, 2100, 30000]))),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=changes)
def test_whatever_lmdb_writes_is_sound_and_can_be_salvaged(tmp_path_factory, transactions) -> None:
    folder = tmp_path_factory.mktemp("written") / "db"
    with lmdb.open(str(folder), map_size=1 << 28) as env:
        for steps in transactions:
            with env.begin(write=True) as transaction:
                for deletes, number, size in steps:
                    key = f"{number:03}".encode() * (1 + 20 * (number % 3))
                    if deletes:
                        transaction.delete(key)
                    else:
                        transaction.put(key, os.urandom(size))
            with env.begin() as transaction:
                pages.check(folder / "data.mdb", transaction.id())
        with env.begin() as transaction:
            assert set(transaction.cursor()) <= set(rows_in_pages(folder / "data.mdb"))


def test_a_reader_checks_the_snapshot_that_it_holds_while_a_writer_goes_on(tmp_path: Path) -> None:
    def sample(index: int) -> SampleRow:
        return SampleRow(
            1, index, slot=0, group=0, origin="original", caption="c", prompt="c", seed=1, model="m",
            made_in=0, picture=bytes(5000),
        )  # fmt: skip

    Store(tmp_path / "state.lmdb", create=True).close()
    writer = os.fork()
    if writer == 0:
        with Store(tmp_path / "state.lmdb") as store:
            for index in range(150):
                store.write([sample(index)])
        os._exit(0)
    counts = []
    while os.waitpid(writer, os.WNOHANG) == (0, 0):
        with Store(tmp_path / "state.lmdb", readonly=True) as store:
            counts.append(store.count(SampleRow))
    assert counts == sorted(counts)
    with Store(tmp_path / "state.lmdb", readonly=True) as store:
        assert store.count(SampleRow) == 150


def test_killed_readers_lock_nobody_out(tmp_path: Path) -> None:
    Store(tmp_path / "state.lmdb", create=True).close()
    told, tell = os.pipe()
    holder = os.fork()  # as long as one lives, the lock file is not made anew
    if holder == 0:
        held = lmdb.open(str(tmp_path / "state.lmdb"), readonly=True)
        os.write(tell, b"!")
        signal.pause()
        held.close()
    try:
        assert os.read(told, 1) == b"!"
        for _ in range(130):
            child = os.fork()
            if child == 0:
                lmdb.open(str(tmp_path / "state.lmdb"), readonly=True).begin().get(b"x")
                os._exit(0)
            os.waitpid(child, 0)
        assert outcome_of(lambda: _opens(tmp_path / "state.lmdb")) == SOUND
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)


def _opens(path: Path) -> int:
    Store(path, readonly=True).close()
    return SOUND


@pytest.mark.hostile
def test_no_change_to_a_page_is_silent_or_deadly(tmp_path: Path) -> None:
    rng, found = random.Random(0), Counter[int | str]()
    whole = Path(shutil.copytree(FIXTURE, tmp_path / "whole"))
    with Store(whole, readonly=True) as store:
        good = list(store.values())

    def ask() -> int:
        try:
            with Store(tmp_path / "state.lmdb", readonly=True) as opened:
                if opened.damaged():
                    return ROWS
                return NOTHING_CHANGED if list(opened.values()) == good else SILENT
        except DamagedStore:
            return PAGES

    for number in range(NUM_CHANGES):
        damaged_copy(whole, tmp_path / "state.lmdb", KINDS[number % len(KINDS)], rng)
        found[outcome_of(ask)] += 1
    print(dict(found))
    assert set(found) <= {NOTHING_CHANGED, ROWS, PAGES}
    assert found[PAGES] > NUM_CHANGES // 5


@pytest.mark.hostile
@pytest.mark.parametrize("meta", [0, 1])
def test_a_file_that_asks_for_more_room_than_there_is_is_called_damaged(tmp_path: Path, meta: int) -> None:
    place = tmp_path / "state.lmdb"
    Store(place, create=True).close()
    good = (place / "data.mdb").read_bytes()
    for byte in range(4, 8):  # of the last page's number, from 16 TiB on: no address space would do
        data = bytearray(good)
        data[meta * 4096 + 136 + byte] = 255
        (place / "data.mdb").write_bytes(data)
        with pytest.raises(DamagedStore, match=f"meta page {meta} names page .*, far outside of data.mdb"):
            Store(place, readonly=True)


@pytest.mark.parametrize("part", ["", "data.mdb", "lock.mdb"])
def test_a_store_that_is_a_link_is_refused_and_what_it_points_to_stays(tmp_path: Path, part: str) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.mkdir()
    Store(elsewhere / "state.lmdb", create=True).close()
    Store(run / "state.lmdb", create=True).close()
    before = (elsewhere / "state.lmdb" / "lock.mdb").read_bytes()
    linked = run / "state.lmdb" / part if part else run / "state.lmdb"
    if part:
        linked.unlink()
    else:
        for file in linked.iterdir():
            file.unlink()
        linked.rmdir()
    linked.symlink_to(elsewhere / "state.lmdb" / part)
    for readonly in (True, False):
        with pytest.raises(CorruptRun, match="is a link"):
            Store(run / "state.lmdb", readonly=readonly)
    assert (elsewhere / "state.lmdb" / "lock.mdb").read_bytes() == before
