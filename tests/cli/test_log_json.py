"""`--log-json`: refused before anything runs, and no part of the result."""

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import in_runs, loopsim, loopsim_here
from tests.helpers.loops import small_arguments
from tests.helpers.rows import digest_on_disk


def test_a_log_that_cannot_be_written_stops_before_anything_runs(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing" / "log.jsonl")
    failed = loopsim_here("start", *small_arguments(), "--log-json", missing, *in_runs(tmp_path))
    assert failed.returncode == 2
    assert "--log-json" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_log_tells_the_whole_loop_and_changes_nothing(tmp_path: Path, finished_run) -> None:
    path = tmp_path / "log.jsonl"
    words = [*small_arguments(), "--name", "logged", "--log-json", str(path), *in_runs(tmp_path)]
    done = loopsim("start", *words)
    assert done.returncode == 0, done.stderr
    assert digest_on_disk(tmp_path / "logged") == finished_run[1]
    events = [json.loads(line) for line in path.read_text().splitlines()]
    opened, ended = events[0], [event for event in events if event["event"] == "PhaseEnded"]
    assert opened["event"] == "RunOpened"
    assert len(ended) == opened["num_phases"]
    assert {event["outcome"] for event in ended} == {"finished"}
    losses = [event["loss"] for event in events if event["event"] == "StepTrained"]
    assert losses
    assert all(isinstance(loss, float) for loss in losses)
