"""The list of runs, and the commands that lead on from one."""

from pathlib import Path

from loopsim.report.terminal.runs import command, print_next_steps, print_runs
from loopsim.runs.catalog import RunState
from tests.helpers.terminal import printed


def test_every_run_has_a_line() -> None:
    states = [
        RunState("first", Path("runs/first"), 3, 2, None, 40, 0.0),
        RunState("[red]second", Path("runs/second"), 1, 2, "generation 1, finetune", 20, 0.0),
    ]
    _, first, second = printed(lambda console: print_runs(console, states, Path("runs"))).splitlines()
    assert first.split()[:5] == ["first", "2", "of", "2", "finished"]
    assert second.startswith("[red]second")
    assert "next: generation 1, finetune" in second


def test_no_runs_says_how_to_begin() -> None:
    text = printed(lambda console: print_runs(console, [], Path("elsewhere")))
    assert text == "no runs in elsewhere; begin one with: loopsim start\n"


def test_the_next_steps_can_be_typed_as_they_stand() -> None:
    assert command("resume", Path("runs/a")) == "loopsim resume a"
    assert command("show", Path("/x/a"), "-g 1") == "loopsim show a --runs-dir /x -g 1"
    with_samples = printed(lambda console: print_next_steps(console, Path("runs/a"), 2))
    assert "loopsim show a -g 1" in with_samples
    assert "loopsim resume a --generations 4" in with_samples
    assert "show" not in printed(lambda console: print_next_steps(console, Path("runs/a"), 0))
