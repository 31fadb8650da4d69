"""One writer a run."""

import json
import os
from pathlib import Path

import pytest

from loopsim.core.errors import RunHeld
from loopsim.runs.lock import RunLock
from tests.helpers.command_line import in_runs, loopsim, start_loopsim
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run, small_arguments


def test_of_two_resumes_exactly_one_goes_on(tmp_path: Path) -> None:
    where = ["--name", "held", *in_runs(tmp_path)]
    killed = loopsim("start", *small_arguments("generations=0"), *where, fault="phase.finish:2")
    assert killed.returncode == -9
    both = [start_loopsim("resume", "held", *in_runs(tmp_path)) for _ in range(2)]
    ended = [(process.communicate(timeout=200), process.returncode) for process in both]
    codes = sorted(code for _, code in ended)
    assert codes == [0, 5], ended
    loser = next(err for (_, err), code in ended if code == 5)
    assert "is held by process" in loser


def test_a_stale_lock_holds_nobody_up(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    (directory / "lock").write_text(
        json.dumps({"pid": os.getpid(), "host": "elsewhere"})
    )  # left by a kill; the pid lives, as another's
    assert resume_run(directory) == clean[1]
    with RunLock(directory), pytest.raises(RunHeld, match=str(os.getpid())):
        RunLock(directory)
