"""A file is there whole or not at all, and nothing of a dead process stays."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loopsim.core.files import put_in_place, sweep_dead, temporary_beside, write_atomically
from tests.helpers.syscalls import SUPPORTED, every_kill

OLD, NEW = b"old" * 1000, b"new" * 1000


@pytest.mark.skipif(not SUPPORTED, reason="kills at system calls need ptrace on Linux")
def test_killed_at_any_system_call_the_old_file_or_the_new_one_is_there(tmp_path: Path) -> None:
    def prepare(place: Path) -> None:
        (place / "file").write_bytes(OLD)

    def write(place: Path) -> None:
        write_atomically(place / "file", NEW)

    seen = []
    for change, place in every_kill(tmp_path, prepare, write):
        found = (place / "file").read_bytes()
        assert found in (OLD, NEW), change
        seen.append(change.split()[1])
        write(place)
        assert (place / "file").read_bytes() == NEW
        assert os.listdir(place) == ["file"], change
    # Made, filled, synced, renamed, and the folder synced.
    assert seen[:-1] == ["openat", "write", "fsync", "rename", "fsync"]


@pytest.mark.skipif(not SUPPORTED, reason="kills at system calls need ptrace on Linux")
def test_killed_at_any_system_call_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    def make(place: Path) -> None:
        sweep_dead(place, "folder")
        if not (place / "folder").exists():
            temporary = temporary_beside(place / "folder")
            (temporary / "inner").mkdir(parents=True)
            (temporary / "inner" / "file").write_bytes(NEW)
            put_in_place(temporary, place / "folder")

    for change, place in every_kill(tmp_path, lambda place: None, make):
        if (place / "folder").exists():
            assert (place / "folder" / "inner" / "file").read_bytes() == NEW, change
        make(place)
        assert os.listdir(place) == ["folder"], change


def test_what_a_live_process_is_making_is_left_alone(tmp_path: Path) -> None:
    mine = temporary_beside(tmp_path / "file")
    living = mine.with_name(mine.name.replace(f".{os.getpid()}.", f".{os.getppid()}."))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = mine.with_name(mine.name.replace(f".{os.getpid()}.", f".{ended.pid}."))
    elsewhere = tmp_path / f".file.0123abcd.{ended.pid}.tmp"
    others = tmp_path / f".file.more{dead.name[5:]}"
    for path in (mine, living, dead, elsewhere, others):
        path.write_bytes(b"half")
    sweep_dead(tmp_path, "file")
    assert {path for path in (mine, living, dead, elsewhere, others) if path.exists()} == {
        living,
        elsewhere,
        others,
    }


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) // 2, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(tmp_path / "file", NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "file").read_bytes() == OLD
    assert os.listdir(tmp_path) == ["file"]
