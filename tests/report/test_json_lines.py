"""The log of events: a line of JSON each, appended, and never in the loop's way."""

import json
import os
from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError
from loopsim.core.events import PhaseEnded, PhaseStarted, RunOpened, StepTrained
from loopsim.report.json_lines import JsonLines, event_as_json, logging_to


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_event_is_a_line_with_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonLines(path, pytest.fail) as log:
        log(RunOpened("runs/a", 2, 20, 0, ("python 3.11 -> 3.12",)))
        log(StepTrained(0, "train_clip", 3, 8, 0.25))
        assert [line["event"] for line in lines_of(path)] == ["RunOpened", "StepTrained"]  # while it goes on
        log(PhaseEnded(0, "train_clip", "finished", {"num_images": 200, "note": "a\nb"}, 2.5))
    opened, step, ended = lines_of(path)
    assert opened["changes"] == ["python 3.11 -> 3.12"]
    assert {key: step[key] for key in step if key != "time"} == {
        "event": "StepTrained",
        "generation": 0,
        "phase": "train_clip",
        "step": 3,
        "num_steps": 8,
        "loss": 0.25,
        "part": "",
    }
    assert opened["time"] <= step["time"] <= ended["time"]
    assert ended["facts"] == {"num_images": 200, "note": "a\nb"}


def test_a_log_goes_on_on_a_line_of_its_own_where_a_kill_cut_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"event": "PhaseStarted"}\n{"event": "StepTr')
    with JsonLines(path, pytest.fail) as log:
        log(PhaseStarted(0, "compose"))
    with JsonLines(path, pytest.fail) as log:
        log(PhaseStarted(0, "train_clip"))
    first, cut, *rest = path.read_text().splitlines()
    assert json.loads(first) == {"event": "PhaseStarted"}
    assert cut == '{"event": "StepTr'
    assert [json.loads(line)["phase"] for line in rest] == ["compose", "train_clip"]


def test_a_number_that_is_not_finite_is_null() -> None:
    step = event_as_json(StepTrained(0, "train_clip", 1, 8, float("nan")), 0.0)
    ended = event_as_json(PhaseEnded(0, "evaluate", "finished", {"recall": float("inf")}, 1.0), 0.0)
    assert step["loss"] is None
    assert ended["facts"] == {"recall": None}


@pytest.mark.parametrize("place", ["missing/log.jsonl", "."])
def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match="--log-json"):
        JsonLines(tmp_path / place, pytest.fail)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills_stops_no_loop_and_is_told_once() -> None:
    told: list[str] = []
    with JsonLines(Path("/dev/full"), told.append) as log:
        for _ in range(3):
            log(PhaseStarted(0, "compose"))
    assert len(told) == 1
    assert "nothing more is logged" in told[0]


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    with logging_to(None, pytest.fail) as log:
        log(PhaseStarted(0, "compose"))
    assert list(tmp_path.iterdir()) == []
