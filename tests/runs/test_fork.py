"""A fork is its origin until it is told to part."""

from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, RunExists, RunMismatch
from loopsim.report.compare import compare_runs
from loopsim.report.summary import summarize
from loopsim.runs.catalog import run_state
from loopsim.runs.fork import fork_run
from loopsim.runs.verify import verify_run
from tests.helpers.command_line import loopsim
from tests.helpers.loops import resume_run


def test_a_fork_without_a_change_ends_as_its_origin(clean: tuple[Path, str], tmp_path: Path) -> None:
    fork_run(clean[0], tmp_path / "branch", 1, [])
    linked = next((tmp_path / "branch/artifacts").rglob("*.safetensors"))
    assert linked.stat().st_nlink > 1  # shared, not copied
    resume_run(tmp_path / "branch")
    found = compare_runs([clean[0], tmp_path / "branch"])
    assert (found.settings, found.parting) == ({}, None)
    assert verify_run(tmp_path / "branch").num_seals == 3


def test_a_fork_parts_where_it_was_told_to(clean: tuple[Path, str], tmp_path: Path) -> None:
    fork_run(clean[0], tmp_path / "branch", 2, ["compose.alpha=1.0", "generations=3", "clip.num_steps=1"])
    resume_run(tmp_path / "branch")
    found = compare_runs([clean[0], tmp_path / "branch"])
    assert found.settings["compose.alpha"] == [0.5, 1.0]
    assert found.parting == (1, "generate")  # S_2 is drawn anew: it belongs to generation 2
    assert found.generation == 2
    assert run_state(tmp_path / "branch").finished
    assert summarize(tmp_path / "branch").generations == [0, 1, 2, 3]
    again = tmp_path / "again"
    fork_run(tmp_path / "branch", again, 3, ["compose.alpha=0.0"])  # a fork of a fork remembers both
    resume_run(again)
    assert compare_runs([tmp_path / "branch", again]).parting == (2, "generate")
    done = loopsim("compare", str(clean[0]), str(tmp_path / "branch"))
    assert "the same until generation 1, generate" in done.stdout.replace("\n", " ")


def test_a_fork_may_not_bend_the_ruler(clean: tuple[Path, str], tmp_path: Path) -> None:
    for override in ("seed=3", "evaluate.num_resamples=7", "data.holdout=0.3"):
        with pytest.raises(ConfigError, match="a fork may not change"):
            fork_run(clean[0], tmp_path / "branch", 1, [override])
    with pytest.raises(RunMismatch, match="generation 3 is not finished"):
        fork_run(clean[0], tmp_path / "branch", 4, [])
    assert not (tmp_path / "branch").exists()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    with pytest.raises(RunExists):
        fork_run(clean[0], tmp_path / "taken", 1, [])
