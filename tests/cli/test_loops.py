"""`start` and `resume` as their users meet them: messages, exit codes, signals."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from loopsim.runs.catalog import run_state
from loopsim.runs.lock import RunLock
from tests.helpers.command_line import in_runs, loopsim, loopsim_here, start_loopsim
from tests.helpers.loops import resume_run, small_arguments


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["start", "--set", "finetune.num_step=3"], 2, ["finetune.num_step", "did you mean"]),
        (["start", "--policy", "replase"], 2, ["compose.policy", "replace"]),
        (["start", "--generations", "-1"], 2, ["generations"]),
        (["start", "nowhere.toml"], 2, ["nowhere.toml"]),
        (["start", "--set", "base_weights=/nowhere"], 9, ["/nowhere", "loopsim pretrain"]),
        (["start", "--set", "data.num_train=900000000"], 7, ["MB free", "--runs-dir"]),
        (["resume", "missing"], 3, ["missing", "does not exist"]),
        (["report"], 3, ["no run", "loopsim start"]),
        (["verify", "missing"], 3, ["missing"]),
    ],
)
def test_bad_input_is_one_clear_message_and_changes_nothing(
    tmp_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    failed = loopsim_here(*arguments, *in_runs(tmp_path))
    assert failed.returncode == code, failed.stderr
    assert all(word in failed.stderr for word in words), failed.stderr
    assert "Traceback" not in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    for command, code in ((["resume", "photos"], 3), (["start", "--name", "photos"], 4)):
        failed = loopsim_here(*command, *in_runs(tmp_path))
        assert failed.returncode == code, failed.stderr
        assert "photos" in failed.stderr
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_run_is_not_started_twice(finished_run) -> None:
    directory, digest = finished_run
    failed = loopsim_here("start", *small_arguments(), "--name", directory.name, *in_runs(directory.parent))
    assert failed.returncode == 4
    assert f"loopsim resume {directory.name}" in failed.stderr
    assert f"digest: {digest}" in loopsim_here("verify", directory.name, *in_runs(directory.parent)).stdout


def test_a_run_held_by_another_process_is_refused_with_its_holder(finished_run) -> None:
    directory, _ = finished_run
    with RunLock(directory):
        failed = loopsim_here("resume", directory.name, *in_runs(directory.parent))
    assert failed.returncode == 5
    assert str(os.getpid()) in failed.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_stops_and_says_how_to_go_on(
    tmp_path: Path, finished_run, number: int, code: int
) -> None:
    process = start_loopsim("start", *small_arguments(), "--name", "stopped", *in_runs(tmp_path))
    assert process.stdout is not None
    for line in process.stdout:
        if "train_clip" in line:  # the first model is trained: the loop is in the middle of its work
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert f"loopsim resume stopped --runs-dir {tmp_path}" in errors
    assert "Traceback" not in errors
    assert not run_state(tmp_path / "stopped").finished
    assert resume_run(tmp_path / "stopped") == finished_run[1]


def test_the_command_line_tells_of_a_full_disk(tmp_path: Path) -> None:
    arguments = [*small_arguments("generations=0"), "--name", "full", *in_runs(tmp_path)]
    full = loopsim("start", *arguments, fault="artifact.write:2:ENOSPC")
    assert full.returncode == 7
    assert "the disk is full; make room, then `loopsim resume full`" in full.stderr
    assert "Traceback" not in full.stderr


def test_a_finished_loop_leaves_its_page(finished_run, tmp_path: Path) -> None:
    """A `resume` of what is done prints the report again, and writes the page again."""
    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    (directory / "report.html").symlink_to(tmp_path / "elsewhere")
    done = loopsim_here("resume", "run", *in_runs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"The page: {directory / 'report.html'}" in done.stdout
    page = directory / "report.html"
    assert not page.is_symlink()
    assert not (tmp_path / "elsewhere").exists()
    assert "Did bias grow?" in page.read_text()
    checked = loopsim_here("verify", "run", *in_runs(tmp_path))
    assert checked.returncode == 0, checked.stderr
    assert finished_run[1] in checked.stdout
