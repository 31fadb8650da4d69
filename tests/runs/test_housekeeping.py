"""Runs are renamed, noted and deleted with care."""

from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, CorruptRun, RunExists, RunHeld
from loopsim.runs.catalog import run_state
from loopsim.runs.housekeeping import annotate, delete_run, note_of, rename_run, strangers_in
from loopsim.runs.lock import RunLock
from loopsim.runs.verify import verify_run
from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run


def test_a_note_is_no_part_of_the_digest_and_is_listed(clean: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(clean, tmp_path)
    where = in_runs(tmp_path)
    assert (
        loopsim_here(
            "note", "run", "α = [bold]0.3\x1b[31m", "--tag", "pilot", "--tag", "b", *where
        ).returncode
        == 0
    )
    assert loopsim_here("note", "run", "--untag", "b", *where).stdout == "α = [bold]0.3�[31m\ntags: pilot\n"
    assert verify_run(run).digest == clean[1]
    assert resume_run(run) == clean[1]
    assert (run_state(run).note, run_state(run).tags) == ("α = [bold]0.3\x1b[31m", ("pilot",))
    shown = loopsim_here("runs", *where).stdout
    assert "run: [pilot] α = [bold]0.3�[31m" in shown
    assert "\x1b[31m" not in shown
    assert loopsim_here("note", "run", "--tag", "", *where).returncode == 2
    other = copy_of(clean, tmp_path / "other")
    assert note_of(other).tags == []


def test_a_run_is_renamed_and_goes_on(clean: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(clean, tmp_path)
    (tmp_path / "taken").mkdir()
    with pytest.raises(RunExists):
        rename_run(run, "taken")
    for name in ("../x", "", ".hidden", "a/b"):
        with pytest.raises(ConfigError):
            rename_run(run, name)
    found = rename_run(run, "better")
    assert not run.exists()
    assert resume_run(found) == clean[1]
    assert verify_run(found).digest == clean[1]


def test_what_will_be_gone_is_told_before_it_is(clean: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(clean, tmp_path)
    assert strangers_in(run) == []
    (run / "notes.txt").write_text("mine")
    asked = loopsim_here("delete", "run", *in_runs(tmp_path))  # nobody answers
    assert asked.returncode == 1
    assert "not loopsim's: notes.txt" in asked.stdout
    assert run.exists()
    with RunLock(run), pytest.raises(RunHeld):
        delete_run(run)
    (tmp_path / "link").symlink_to(run)
    with pytest.raises(CorruptRun, match="is a link"):
        delete_run(tmp_path / "link")
    assert run.exists()
    done = loopsim_here("delete", "run", "--yes", *in_runs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_only_notes_that_can_be_shown_are_kept(clean: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(clean, tmp_path)
    assert annotate(run, None, ["b", "a", "a"]).tags == ["a", "b"]
    assert annotate(run, "new", [], ["a"]).tags == ["b"]
    assert note_of(run).text == "new"
