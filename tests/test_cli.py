"""The command line as its users meet it: messages, exit codes, signals, what is printed where."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import loopsim, resume_run, small_arguments
from PIL import Image

from loopsim.report.summary import run_state
from loopsim.runs.lock import RunLock


def run_loop_for(directory: Path) -> list[str]:
    return ["--runs-dir", str(directory)]


def test_help_names_every_command() -> None:
    shown = loopsim("--help").stdout
    assert all(
        command in shown
        for command in ("start", "resume", "report", "runs", "show", "verify", "doctor", "pretrain")
    )


def loaded_after(code: str, *modules: str) -> str:
    """Which of `modules` a fresh Python has loaded after running `code`."""
    question = f"{code}\nimport sys; print([m for m in {modules!r} if m in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_help_imports_nothing_heavy() -> None:
    assert (
        loaded_after(
            "import loopsim.cli.main", "torch", "diffusers", "transformers", "open_clip", "numpy", "lmdb"
        )
        == "[]"
    )


def test_a_report_needs_no_torch(finished_run) -> None:
    code = (
        "from pathlib import Path; from loopsim.report.summary import summarize; "
        f"summarize(Path({str(finished_run[0])!r}))"
    )
    assert loaded_after(code, "torch") == "[]"


def test_the_report_fits_80_columns_without_colour(finished_run) -> None:
    directory, _ = finished_run
    shown = loopsim("report", directory.name, *run_loop_for(directory.parent))
    assert shown.returncode == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout
    for words in (
        "Who is in the data",
        "Who the generator draws",
        "CLIP",
        "Captions",
        "gender gap",
        "bootstrap",
        "OpenMoji",
    ):
        assert words in shown.stdout


def test_the_json_report_has_its_columns(finished_run) -> None:
    directory, _ = finished_run
    document = json.loads(loopsim("report", "--json", *run_loop_for(directory.parent)).stdout)
    assert document["run"] == directory.name
    assert document["generations"] == [0, 1, 2]
    assert {"generation", "metric", "group", "value", "n", "low", "high"} <= document["metrics"][0].keys()
    assert {
        "generation",
        "metric",
        "group",
        "delta",
        "low",
        "high",
        "p_value",
        "retraining",
        "verdict",
    } == set(document["drift"][0])
    only = json.loads(
        loopsim("report", "--json", "--metric", "recall", *run_loop_for(directory.parent)).stdout
    )
    assert {row["metric"] for row in only["metrics"]} == {"recall@1", "recall@5", "recall@10"}


def test_a_contact_sheet_is_a_picture(finished_run, tmp_path: Path) -> None:
    directory, _ = finished_run
    shown = loopsim(
        "show", directory.name, "-g", "2", "-o", str(tmp_path / "sheet.png"), *run_loop_for(directory.parent)
    )
    assert shown.returncode == 0, shown.stderr
    assert min(Image.open(tmp_path / "sheet.png").size) > 200
    none = loopsim("show", directory.name, "-g", "0", *run_loop_for(directory.parent))
    assert none.returncode == 3
    assert "generation 0 is real data only" in none.stderr


def test_runs_and_verify(finished_run) -> None:
    directory, digest = finished_run
    assert "finished" in loopsim("runs", *run_loop_for(directory.parent)).stdout
    assert f"digest: {digest}" in loopsim("verify", directory.name, *run_loop_for(directory.parent)).stdout


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
    failed = loopsim(*arguments, *run_loop_for(tmp_path))
    assert failed.returncode == code, failed.stderr
    assert all(word in failed.stderr for word in words), failed.stderr
    assert "Traceback" not in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    for command, code in ((["resume", "photos"], 3), (["start", "--name", "photos"], 4)):
        failed = loopsim(*command, *run_loop_for(tmp_path))
        assert failed.returncode == code, failed.stderr
        assert "photos" in failed.stderr
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_run_is_not_started_twice(finished_run) -> None:
    directory, digest = finished_run
    failed = loopsim("start", *small_arguments(), "--name", directory.name, *run_loop_for(directory.parent))
    assert failed.returncode == 4
    assert f"loopsim resume {directory.name}" in failed.stderr
    assert f"digest: {digest}" in loopsim("verify", directory.name, *run_loop_for(directory.parent)).stdout


def test_a_run_held_by_another_process_is_refused_with_its_holder(finished_run) -> None:
    directory, _ = finished_run
    with RunLock(directory):
        failed = loopsim("resume", directory.name, *run_loop_for(directory.parent))
    assert failed.returncode == 5
    assert str(os.getpid()) in failed.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_stops_and_says_how_to_go_on(
    tmp_path: Path, finished_run, number: int, code: int
) -> None:
    words = [
        sys.executable,
        "-m",
        "loopsim",
        "start",
        *small_arguments(),
        "--name",
        "stopped",
        *run_loop_for(tmp_path),
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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


def test_doctor_says_what_a_config_will_cost(tmp_path: Path) -> None:
    started = time.monotonic()
    shown = loopsim("doctor", "tiny", *run_loop_for(tmp_path))
    assert shown.returncode == 0, shown.stderr
    for words in ("torch", "threads", "GB free", "train_clip", "finetune", "generate", "minutes"):
        assert words in shown.stdout
    assert time.monotonic() - started < 200


def test_check_prints_the_fidelity_figures() -> None:
    shown = loopsim("pretrain", "--check", "--num-prompts", "20", "--num-neutral", "1")
    assert shown.returncode == 0, shown.stderr
    for words in (
        "the gender drawn is the one asked for",
        "held-out renders",
        "mean distance of the shares of women",
    ):
        assert words in shown.stdout
