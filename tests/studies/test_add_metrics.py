"""A metric is measured after the run."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from loopsim.core.errors import Interrupted
from loopsim.report.summary import summarize
from loopsim.runs.verify import verify_run
from loopsim.studies.add_metrics import add_metrics
from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.damage import copy_of
from tests.helpers.loops import small_config, start_run


@pytest.mark.slow
def test_a_metric_is_added_to_a_finished_run_and_the_seals_hold(tmp_path: Path) -> None:
    start_run(tmp_path / "run", small_config("generations=0"))
    where = in_runs(tmp_path)
    added = loopsim("evaluate", "run", "--metric", "lic", *where)
    assert added.returncode == 0, added.stderr
    assert "measured in 1 generation" in added.stdout
    values = [
        row for row in summarize(tmp_path / "run").metrics if row.metric == "lic" and row.group == "overall"
    ]
    assert [row.generation for row in values] == [0]
    assert all(-100 <= row.value <= 100 for row in values)
    assert verify_run(tmp_path / "run").num_seals == 1
    lacking = loopsim("evaluate", "run", "--metric", "lic_transformer", *where).stdout
    assert "names no model" in " ".join(lacking.split())
    assert (tmp_path / "run" / "report.html").is_file(), "the page tells what was added"
    assert loopsim("evaluate", "run", "--metric", "recall", *where).returncode == 2
    assert "did you mean 'lic'" in loopsim("evaluate", "run", "--metric", "licc", *where).stderr


def java(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program named java before all others, and return the file into which it writes its number."""
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $$ > {folder}/tmp; mv {folder}/tmp {folder}/pid\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return folder / "pid"


def test_a_metric_whose_java_dies_is_not_available_with_the_reason(
    clean: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copy_of(clean, tmp_path)
    java(tmp_path, "echo 'no heap' >&2; exit 1", monkeypatch)
    assert add_metrics(directory, ["meteor"])[1] == ["meteor"]
    rows = [row for row in summarize(directory).metrics if row.metric == "meteor"]
    assert {row.reason for row in rows} == {"java ended with code 1: no heap"}
    verify_run(directory)


def test_ctrl_c_ends_a_metric_whose_java_hangs(
    clean: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copy_of(clean, tmp_path)
    pid = java(tmp_path, "exec sleep 1000", monkeypatch)

    def press() -> None:
        while not pid.exists():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(Interrupted) as raised:  # at the latest when loopsim's patience with java ends
        add_metrics(directory, ["meteor"])
    assert raised.value.exit_code == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    verify_run(directory)
