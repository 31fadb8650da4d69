"""The store's contract: all or nothing, exactly what was written, with room for more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loopsim.core.errors import RunNotFound
from loopsim.store.rows import AttemptRow, CheckpointRow, ConfigRow, SampleRow
from loopsim.store.store import Store
from tests.helpers.faults import on_faults


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "state.lmdb", create=True) as opened:
        yield opened


def sample(generation: int, index: int, picture: bytes = b"") -> SampleRow:
    return SampleRow(
        generation,
        index,
        slot=0,
        group=0,
        origin="original",
        caption="a cook",
        prompt="a cook",
        seed=1,
        model="m",
        made_in=0,
        picture=picture,
    )


def test_a_prefix_gives_its_own_rows_only(store: Store) -> None:
    store.write([sample(g, i) for g in (1, 2, 256) for i in range(3)])
    assert list(store.scan(SampleRow, 2)) == [sample(2, i) for i in range(3)]
    assert len(store.keys(SampleRow)) == 9


def test_a_transaction_that_dies_leaves_nothing(store: Store) -> None:
    class Died(BaseException):
        pass

    def die(point: str, _: int) -> None:
        if point == "store.commit.before":
            raise Died

    with on_faults(die), pytest.raises(Died):
        store.write([sample(1, i) for i in range(5)])
    assert store.raw_keys() == []


def test_bookkeeping_is_not_in_the_digest(store: Store) -> None:
    store.write([ConfigRow({"seed": 1})])
    before = store.digest()
    attempt = AttemptRow(
        0, generation=0, phase="x", started=1.5, seconds=1.0, outcome="finished", machine={"host": "here"}
    )
    store.write([attempt, CheckpointRow(0, "x", finished=3, artifact="a")])
    assert store.digest() == before
    store.write([ConfigRow({"seed": 2})])
    assert store.digest() != before


def test_a_store_grows_beyond_its_map(store: Store) -> None:
    store._env.set_mapsize(1 << 16)
    store.write([sample(1, i, bytes(50_000)) for i in range(20)])
    assert len(store.keys(SampleRow)) == 20


def test_a_map_that_is_full_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopsim.store.pages.MIN_MAP_SIZE", 1 << 20)
    with Store(tmp_path / "state.lmdb", create=True) as store:
        for i in range(40):
            store.write([sample(1, i, bytes(100_000))])
        assert store.count(SampleRow) == 40


def test_a_foreign_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_text("mine")
    with pytest.raises(RunNotFound, match="not a loopsim run"):
        Store(tmp_path / "state.lmdb", readonly=True)
    assert [p.name for p in tmp_path.iterdir()] == ["photo.txt"]
