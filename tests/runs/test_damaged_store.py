"""A run whose database is damaged below its rows, or has lost one: it is told of and repaired."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from loopsim.core.errors import CorruptRun
from loopsim.report.summary import summarize
from loopsim.runs.catalog import list_runs
from loopsim.runs.verify import plan_repair, repair_run, verify_run
from loopsim.store import second_copy
from loopsim.store.keys import VOLATILE, Table, table_of
from loopsim.studies.add_metrics import add_metrics
from tests.helpers.damage import copy_of, delete_row, forge_checkpoint, raw_rows
from tests.helpers.loops import resume_run
from tests.helpers.page_damage import PAGE

LATER = {Table.ADDED, Table.ADDED_ITEMS, Table.ADDED_REPLICATE, Table.ADDED_SEAL}
ELSEWHERE = {Table.PREPARED}  # this run's interventions learn nothing: tests/interventions/test_prepare.py
COVERED = sorted(set(Table) - set(VOLATILE) - LATER - ELSEWHERE)


@pytest.mark.hostile
@pytest.mark.parametrize("table", COVERED)
def test_any_row_that_is_missing_is_found(
    finished_run: tuple[Path, str], tmp_path: Path, table: Table
) -> None:
    keys = [key for key, _ in raw_rows(copy_of(finished_run, tmp_path)) if table_of(key) is table]
    assert keys
    for number, key in enumerate(keys[:: max(1, len(keys) // 3)]):
        directory = copy_of(finished_run, tmp_path / str(number))
        delete_row(directory, key)
        with pytest.raises(CorruptRun, match=r"missing|changed after it was sealed"):
            verify_run(directory)
        assert plan_repair(directory).problems


@pytest.mark.hostile
def test_a_row_that_was_added_later_is_found_missing_and_measured_again(
    clean: tuple[Path, str], tmp_path: Path
) -> None:
    directory = copy_of(clean, tmp_path)
    add_metrics(directory, ["representation"])
    whole = verify_run(directory)
    keys = [key for key, _ in raw_rows(directory) if table_of(key) in LATER]
    assert {table_of(key) for key in keys} >= {Table.ADDED, Table.ADDED_ITEMS, Table.ADDED_SEAL}
    for number, key in enumerate(keys):
        harmed = tmp_path / str(number)
        shutil.copytree(directory, harmed)
        delete_row(harmed, key)
        with pytest.raises(CorruptRun, match="added to generation"):
            verify_run(harmed)
        assert repair_run(harmed).redo == []
        add_metrics(harmed, ["representation"])
        assert verify_run(harmed) == whole


@pytest.mark.parametrize("table", [Table.META, Table.PHASE])
def test_a_missing_row_is_repaired(clean: tuple[Path, str], tmp_path: Path, table: Table) -> None:
    directory = copy_of(clean, tmp_path)
    key = next(key for key, _ in reversed(raw_rows(directory)) if table_of(key) is table)
    delete_row(directory, key)
    repair_run(directory)
    assert resume_run(directory) == clean[1]
    assert verify_run(directory).digest == clean[1]


def cut(data: bytes) -> bytes:
    return data[: min(200_000, len(data) // 2)]


def zeroed(data: bytes) -> bytes:
    """Zero the page on which the newest snapshot's tree begins: any other may be a free one."""
    number = [int.from_bytes(data[page * PAGE + 144 : page * PAGE + 152], "little") for page in (0, 1)]
    newest = number.index(max(number)) * PAGE
    root = int.from_bytes(data[newest + 128 : newest + 136], "little") * PAGE
    return data[:root] + bytes(PAGE) + data[root + PAGE :]


def without_metas(data: bytes) -> bytes:
    return bytes(2 * PAGE) + data[2 * PAGE :]


@pytest.mark.hostile
@pytest.mark.parametrize("harm", [cut, zeroed, without_metas, lambda _: b""])
def test_a_broken_database_is_told_of_salvaged_and_ends_with_the_same_digest(
    clean: tuple[Path, str], tmp_path: Path, harm
) -> None:
    directory = copy_of(clean, tmp_path)
    shutil.copytree(directory, tmp_path / "other")
    data = directory / "state.lmdb" / "data.mdb"
    before = data.read_bytes()
    data.write_bytes(harm(before))
    problems = []
    try:
        verify_run(directory)
    except CorruptRun as error:
        problems.append(str(error))
    assert len(problems) == 1
    assert "loopsim repair run" in problems[0]
    # One damaged run hides nothing of the others.
    assert {state.name for state in list_runs(tmp_path)} == {"run", "other"}
    assert summarize(tmp_path / "other").metrics
    harmed = data.read_bytes()
    planned = plan_repair(directory)
    assert planned.problems
    assert data.read_bytes() == harmed
    assert repair_run(directory).problems == planned.problems
    assert resume_run(directory) == clean[1]
    assert verify_run(directory).digest == clean[1]
    assert not list(directory.glob(".*"))
    assert (directory / "damaged-1.mdb").read_bytes() == harmed


@pytest.mark.hostile
def test_a_broken_database_larger_than_the_disk_is_salvaged(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    data = directory / "state.lmdb" / "data.mdb"
    data.write_bytes(zeroed(data.read_bytes()))
    os.truncate(data, 1 << 42)  # holes, which cost nothing
    repair_run(directory)
    assert resume_run(directory) == clean[1]
    kept = (directory / "damaged-1.mdb").stat()
    assert kept.st_size == 1 << 42
    assert kept.st_blocks * 512 < 1 << 26


def test_without_its_second_copy_a_sound_run_is_mended(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    (directory / second_copy.FILE).write_text("{")
    with pytest.raises(CorruptRun, match=second_copy.FILE):
        verify_run(directory)
    assert repair_run(directory).redo == []
    assert verify_run(directory).digest == clean[1]


@pytest.mark.hostile
@pytest.mark.parametrize("name", ["../../../victim", "/tmp/victim", "victim", "..", "", "A" * 32])
def test_an_artifact_of_another_name_is_refused_before_anything_is_touched(
    clean: tuple[Path, str], tmp_path: Path, name: str
) -> None:
    directory = copy_of(clean, tmp_path)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("mine")
    forge_checkpoint(directory, name)
    for command in (verify_run, lambda path: resume_run(path, generations=3)):
        with pytest.raises(CorruptRun, match=r"checkpoint/3/train_clip"):
            command(directory)
    repair_run(directory)
    assert resume_run(directory)
    assert (victim / "file").read_text() == "mine"


@pytest.mark.hostile
@pytest.mark.parametrize("part", ["artifacts", "scratch"])
def test_a_folder_of_the_run_that_is_a_link_is_refused(
    clean: tuple[Path, str], tmp_path: Path, part: str
) -> None:
    directory = copy_of(clean, tmp_path)
    victim = tmp_path / "victim"
    if (directory / part).exists():
        shutil.copytree(directory / part, victim)
        shutil.rmtree(directory / part)
    else:
        victim.mkdir()
    (victim / "file").write_text("mine")
    (directory / part).symlink_to(victim)
    before = sorted(path.name for path in victim.rglob("*"))
    for command in (verify_run, lambda path: resume_run(path, generations=3)):
        with suppress(CorruptRun):
            command(directory)
            assert part == "scratch"
    assert sorted(path.name for path in victim.rglob("*")) == before
