"""Storage that fails: full disks, writes that are refused, runs that vanish."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from loopsim.config import Config
from loopsim.core.errors import DiskFull, RunVanished, StorageFailed
from loopsim.core.faults import fault_of
from tests.helpers.faults import on_faults
from tests.helpers.loops import created, resume_run, start_run

pytestmark = pytest.mark.hostile


@pytest.mark.parametrize(
    ("point", "code"),
    [
        ("artifact.write", "EIO"),
        ("artifact.fsync.before", "EIO"),
        ("artifact.rename.before", "EROFS"),
        ("store.commit.before", "ENOSPC"),
    ],
)
def test_a_write_that_fails_is_one_message_and_a_resume(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path, point: str, code: str
) -> None:
    with (
        on_faults(fault_of(f"{point}:5:{code}")),
        pytest.raises((DiskFull, StorageFailed), match=r"loopsim resume run"),
    ):
        start_run(tmp_path / "run", tiny)
    assert resume_run(tmp_path / "run") == clean[1]


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/proc/mounts").exists(),
    reason="mounting a small file system needs root on Linux",
)
def test_a_small_file_system_fills_and_the_run_goes_on_with_more_room(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", place], capture_output=True
        ).returncode
        != 0
    ):
        pytest.skip("this machine does not let tests mount")
    try:
        with created(place / "run", tiny):
            subprocess.run(["mount", "-o", "remount,size=1500k", place], check=True)
        with pytest.raises(DiskFull, match=r"needs \d+ MB; make room"):
            start_run(place / "another", tiny)  # what is known to be too large is not begun
        with pytest.raises(DiskFull, match=r"the disk is full; make room, then `loopsim resume run`"):
            resume_run(place / "run")
        subprocess.run(["mount", "-o", "remount,size=200m", place], check=True)
        assert resume_run(place / "run") == clean[1]
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises((StorageFailed, OSError), match=r"Read-only|cannot be written"):
            resume_run(place / "run", generations=3)
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def test_a_run_that_vanishes_is_not_written_on_into_nothing(tiny: Config, tmp_path: Path) -> None:
    def remove(point: str, n: int) -> None:
        if point == "train.step" and n == 3:
            shutil.rmtree(tmp_path / "run")

    with on_faults(remove), pytest.raises(RunVanished, match="vanished while the run was open"):
        start_run(tmp_path / "run", tiny)
