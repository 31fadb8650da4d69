"""Killed at any system call while something is made, the same call goes on, and nothing of the dead stays."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from loopsim.config import Config, DataConfig
from loopsim.core.events import Event, PhaseStarted
from loopsim.core.interrupt import Interrupt
from loopsim.data.check import check_corpus
from loopsim.data.manifest import Manifest
from loopsim.runs import open as making
from loopsim.runs.fork import fork_run
from loopsim.runs.open import open_or_create
from loopsim.runs.verify import repair_run, verify_run
from loopsim.studies.add_metrics import add_metrics
from loopsim.studies.sweep import Cell, run_sweep
from tests.helpers import corpora
from tests.helpers.loops import start_run
from tests.helpers.syscalls import SUPPORTED, every_kill

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.slow,
    pytest.mark.skipif(not SUPPORTED, reason="kills at system calls need ptrace on Linux"),
]


@pytest.fixture(scope="module")
def one_threaded(tiny: Config) -> Config:
    """The tiny loop with one thread: a forked process has no others."""
    return tiny.model_copy(update={"num_threads": 1})


@pytest.fixture(scope="module")
def finished(one_threaded: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished loop of one generation; who changes it, copies it."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    start_run(directory, one_threaded.model_copy(update={"generations": 1}))
    return directory


@pytest.fixture(autouse=True)
def unplanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan costs seconds at each kill, and changes no file: it is made once, by the undisturbed tests."""
    monkeypatch.setattr(making, "planned_bytes", lambda config, runs_dir: 0.0)


def empty(place: Path) -> None:
    """Nothing is there before."""


def left_in(folder: Path) -> list[str]:
    """The names in a folder of runs, hidden ones too; of a run's own folder only temporary ones count."""
    hidden = [str(p.relative_to(folder)) for p in folder.rglob("*") if p.name.startswith((".", "tmp-"))]
    return sorted({*os.listdir(folder), *hidden})


def goes_on(
    root: Path,
    prepare: Callable[[Path], None],
    call: Callable[[Path], object],
    sound: Callable[[Path], object],
    most: int = 60,
) -> None:
    """Kill the call at every change that it makes; the same call again must work, leave nothing of the dead
    and what an undisturbed call leaves, and be sound.
    """
    failed, left = [], {}
    for change, place in every_kill(root, prepare, call, most):
        try:
            call(place)
            left[change] = left_in(place)
            sound(place)
        except Exception as error:
            failed.append(f"{change}: {type(error).__name__}: {error}")
        last = change
    others = [f"{change}: left {names}" for change, names in left.items() if names != left.get(last)]
    assert failed + others == []


def test_a_run(one_threaded: Config, tmp_path: Path) -> None:
    def make(place: Path) -> None:
        with open_or_create(place / "run", one_threaded, expect="new"):
            pass

    goes_on(tmp_path, empty, make, lambda place: verify_run(place / "run"), most=40)
    assert left_in(tmp_path / "whole") == ["run"]


class Stopped(Exception):
    pass


def test_a_sweep(one_threaded: Config, tmp_path: Path) -> None:
    cells = [
        Cell(f"seed_{n}", one_threaded.model_copy(update={"seed": n, "generations": 0}), {}) for n in (1, 2)
    ]

    def stop(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            raise Stopped

    def make(place: Path) -> None:
        # Every cell is left when its first phase begins: what a sweep makes, without what it computes.
        for cell in cells:
            with suppress(Stopped), Interrupt() as interrupt:
                run_sweep(place / "sweep", [cell], interrupt, stop)

    def sound(place: Path) -> None:
        for cell in cells:
            verify_run(place / "sweep" / cell.name)

    goes_on(tmp_path, empty, make, sound, most=32)


def test_a_fork(clean: tuple[Path, str], tmp_path: Path) -> None:
    def prepare(place: Path) -> None:
        shutil.copytree(clean[0], place / "run")

    def make(place: Path) -> None:
        fork_run(place / "run", place / "branch", 1, ["num_threads=1"])

    def sound(place: Path) -> None:
        verify_run(place / "branch")
        assert verify_run(place / "run").digest == clean[1]

    goes_on(tmp_path, prepare, make, sound)


def test_a_repair(clean: tuple[Path, str], tmp_path: Path) -> None:
    def prepare(place: Path) -> None:
        shutil.copytree(clean[0], place / "run")
        data = place / "run" / "state.lmdb" / "data.mdb"
        data.write_bytes(data.read_bytes()[:100_000])

    failed = []
    for change, place in every_kill(tmp_path, prepare, lambda place: repair_run(place / "run"), 40):
        try:
            repair_run(place / "run")
            verify_run(place / "run")
            assert not list((place / "run").glob(".*"))
        except Exception as error:
            failed.append(f"{change}: {type(error).__name__}: {error}")
    assert failed == []


def test_a_manifest(tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 6)
    config = DataConfig.model_validate(
        {"corpus": "files", "image_size": 32, "holdout": 0.4, "train": corpora.folder_source(own)}
    )

    def make(place: Path) -> None:
        check_corpus(config, place, replace=False, num_rows=1, report=lambda split, done: None)

    def sound(place: Path) -> None:
        (path,) = (place / "manifests").iterdir()
        manifest = Manifest(path)
        assert manifest.size("train") > 0
        manifest.close()

    goes_on(tmp_path, empty, make, sound)


def test_an_added_metric(finished: Path, tmp_path: Path) -> None:
    def prepare(place: Path) -> None:
        shutil.copytree(finished, place / "run")

    def make(place: Path) -> None:
        assert add_metrics(place / "run", ["representation"])[1] != []

    goes_on(tmp_path, prepare, make, lambda place: verify_run(place / "run"))
