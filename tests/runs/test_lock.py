"""One writer a run."""

import errno
import json
import os
from pathlib import Path

import pytest

from loopsim.core.errors import CorruptRun, RunHeld, StorageFailed
from loopsim.runs.lock import RunLock
from tests.helpers.command_line import in_runs, loopsim, start_loopsim
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run, small_arguments
from tests.helpers.syscalls import SUPPORTED, refusing

pytestmark = pytest.mark.hostile


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


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "folder", "pipe"])
def test_what_is_not_the_runs_own_file_is_neither_followed_nor_changed(tmp_path: Path, kind: str) -> None:
    run, foreign = tmp_path / "run", tmp_path / "foreign"
    run.mkdir()
    if kind != "dangling link":
        foreign.write_text("a thesis")
    make = {
        "hard link": lambda lock: os.link(foreign, lock),
        "folder": os.mkdir,
        "pipe": os.mkfifo,
    }.get(kind, lambda lock: os.symlink(foreign, lock))
    make(run / "lock")
    with pytest.raises(CorruptRun, match=r"run/lock is not a plain file .* delete it"):
        RunLock(run)
    assert (foreign.read_text() == "a thesis") if kind != "dangling link" else not foreign.exists()


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe", b"[]", b"7", b'{"pid": "\x1b[31m", "host": {}}', b"[" * 100_000, b"{}" * 9999]
)
def test_garbage_in_a_held_lock_is_no_more_than_an_unknown_holder(tmp_path: Path, text: bytes) -> None:
    with RunLock(tmp_path):
        (tmp_path / "lock").write_bytes(text)
        with pytest.raises(RunHeld, match="is held by another process; wait"):
            RunLock(tmp_path)


@pytest.mark.skipif(not SUPPORTED, reason="to have the kernel refuse a call needs seccomp on Linux")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_refused_with_the_way_out(tmp_path: Path, number: int) -> None:
    def take() -> None:
        with pytest.raises(StorageFailed, match=r"has no locks .* --runs-dir"):
            RunLock(tmp_path)

    assert refusing(number, take) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageFailed, match="make it writable"):
            RunLock(tmp_path)
    finally:
        tmp_path.chmod(0o700)
