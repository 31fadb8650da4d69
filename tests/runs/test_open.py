"""The one way in: a run is made whole or not at all, and is what was asked for."""

import os
import shutil
from pathlib import Path

import pytest

from loopsim.config import Config
from loopsim.core.errors import RunExists, RunMismatch
from loopsim.core.files import temporary_beside
from loopsim.runs.open import new_directory, open_or_create
from tests.helpers.loops import created, opened


def test_what_a_dead_process_left_is_swept_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    mine = temporary_beside(tmp_path / "run").name
    dead, living = (tmp_path / mine.replace(f".{os.getpid()}.", f".{pid}.") for pid in (4194999, 1))
    for left in (dead, living):
        left.mkdir()
    with new_directory(tmp_path / "run") as place:
        (place / "file").write_text("whole")
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run" / "file").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, "run"]


def test_one_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_directory(tmp_path / "run"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_the_same_config_goes_on_and_another_is_refused(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    shutil.copytree(clean[0], tmp_path / "run")
    with open_or_create(tmp_path / "run", tiny) as run:  # "all" and "auto" in the config agree with the run
        assert run.config.generations == 2
    other = tiny.model_copy(update={"seed": 7})
    with pytest.raises(RunMismatch, match="another config"), open_or_create(tmp_path / "run", other):
        pass
    with pytest.raises(RunExists, match="loopsim resume run"), created(tmp_path / "run", tiny):
        pass
    with opened(tmp_path / "run") as run:  # the lock was given back each time
        assert all(run.finished(g, phase) for g in run.pending() for phase in run.planned(g))
