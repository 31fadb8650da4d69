"""The store's contract: all or nothing, exactly what was written, and damage is found."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.core import faults
from loopsim.core.errors import CorruptRun, RunNotFound, StorageFailed
from loopsim.store import artifacts
from loopsim.store.keys import Table, index_of, key
from loopsim.store.store import Record, Store, decode, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text(), JSON, max_size=4), st.binary(max_size=100), st.binary(min_size=1, max_size=40)
)
def test_records_come_back_as_they_were(fields: dict, blob: bytes, raw_key: bytes) -> None:
    assert decode(raw_key, encode(raw_key, Record(fields, blob))) == Record(fields, blob)


@given(st.binary(max_size=60), st.data())
def test_any_flipped_bit_is_found(blob: bytes, data: st.DataObject) -> None:
    value = bytearray(encode(b"row", Record({"a": 1}, blob)))
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CorruptRun):
        decode(b"row", bytes(value))


def test_a_value_under_another_key_is_found() -> None:
    with pytest.raises(CorruptRun):
        decode(b"other", encode(b"row", Record({"a": 1})))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20, unique=True))
def test_rows_come_in_the_order_of_their_integers(numbers: list[int]) -> None:
    assert [index_of(k) for k in sorted(key(Table.SAMPLE, 3, n) for n in numbers)] == sorted(numbers)


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "state.lmdb", create=True) as opened:
        yield opened


def test_a_prefix_gives_its_own_rows_only(store: Store) -> None:
    store.write([(key(Table.SAMPLE, g, i), Record({"g": g, "i": i})) for g in (1, 2, 256) for i in range(3)])
    assert [row.fields["g"] for _, row in store.scan(key(Table.SAMPLE, 2))] == [2, 2, 2]
    assert len(store.keys(key(Table.SAMPLE))) == 9


def test_a_transaction_that_dies_leaves_nothing(store: Store) -> None:
    class Died(BaseException):
        pass

    def die(point: str, _: int) -> None:
        if point == "store.commit.before":
            raise Died

    faults.install(die)
    try:
        with pytest.raises(Died):
            store.write([(key(Table.SAMPLE, 1, i), Record()) for i in range(5)])
    finally:
        faults.install(None)
    assert store.keys(b"") == []


def test_bookkeeping_is_not_in_the_digest(store: Store) -> None:
    store.write([(key(Table.META, "config"), Record({"seed": 1}))])
    before = store.digest()
    store.write(
        [(key(Table.ATTEMPT, 0), Record({"started": 1.5})), (key(Table.CHECKPOINT, 0, "x"), Record())]
    )
    assert store.digest() == before
    store.write([(key(Table.META, "config"), Record({"seed": 2}))])
    assert store.digest() != before


def test_a_store_grows_beyond_its_map(store: Store) -> None:
    store._env.set_mapsize(1 << 16)
    store.write([(key(Table.SAMPLE, 1, i), Record({}, bytes(50_000))) for i in range(20)])
    assert len(store.keys(key(Table.SAMPLE))) == 20


def test_a_foreign_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_text("mine")
    with pytest.raises(RunNotFound, match="not a loopsim run"):
        Store(tmp_path / "state.lmdb", readonly=True)
    assert [p.name for p in tmp_path.iterdir()] == ["photo.txt"]


def write_weights(folder: Path) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")


def test_equal_artifacts_are_one(tmp_path: Path) -> None:
    assert artifacts.put(tmp_path, write_weights) == artifacts.put(tmp_path, write_weights)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("point", ["artifact.fsync.before", "artifact.rename.before"])
def test_an_artifact_that_was_not_finished_is_not_there(tmp_path: Path, point: str) -> None:
    def fail(reached: str, _: int) -> None:
        if reached == point:
            raise OSError("disk")

    faults.install(fail)
    try:
        with pytest.raises(StorageFailed, match="disk"):
            artifacts.put(tmp_path, write_weights)
    finally:
        faults.install(None)
    assert list(tmp_path.iterdir()) == []


def test_damage_to_an_artifact_is_found(tmp_path: Path) -> None:
    name = artifacts.put(tmp_path, write_weights)
    assert artifacts.damage(tmp_path, name) is None
    (tmp_path / name / "model.safetensors").write_bytes(b"weighty")
    assert "damaged" in str(artifacts.damage(tmp_path, name))
    artifacts.remove(tmp_path, name)
    assert "missing" in str(artifacts.damage(tmp_path, name))
