"""Garbage and old weights go; what the loop needs next stays."""

import shutil
from pathlib import Path

import pytest

from loopsim.api import open_run
from loopsim.config import Config, override_config
from loopsim.core.errors import CorruptRun, DataError, RunNotFound
from loopsim.runs.retention import collect_run, kept_generations, plan_collection_of
from loopsim.runs.verify import verify_run
from loopsim.studies.add_metrics import add_metrics
from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run, start_run
from tests.helpers.rows import artifacts_on_disk, finished_phases, named_artifacts, released_phases

pytestmark = pytest.mark.hostile


def test_gc_frees_what_no_row_names(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    for name in ("tmp-left", "0123456789abcdef"):
        (directory / "artifacts" / name).mkdir()
        (directory / "artifacts" / name / "file").write_bytes(bytes(5000))
    there = set((directory / "artifacts").iterdir())
    words = ("gc", str(directory), *in_runs(tmp_path))
    for told in (loopsim_here(*words, "--dry-run"), loopsim_here(*words, answer="n\n")):
        assert told.returncode == 0, told.stderr
        assert "tmp-left: 5 kB, left by a killed write" in told.stdout
        assert "0123456789abcdef: 5 kB, no row names it" in told.stdout
        assert "would free 10 kB in 2 artifacts" in told.stdout
    assert "nothing was changed" in told.stdout
    assert loopsim_here(*words).returncode == 1  # asked, and nobody answers
    assert set((directory / "artifacts").iterdir()) == there
    assert "freed" in loopsim_here(*words, answer="y\n").stdout
    assert verify_run(directory).digest == clean[1]
    assert collect_run(directory) == []


def test_old_weights_go_by_policy_and_the_run_goes_on(tiny: Config, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    start_run(directory, override_config(tiny, ["keep=last"]))
    assert released_phases(directory) == {(0, "train_clip"), (0, "train_captioner"), (0, "finetune")}
    assert artifacts_on_disk(directory) == named_artifacts(directory, since=1)
    verify_run(directory)
    extended = resume_run(directory, generations=3)
    assert extended == start_run(tmp_path / "longer", override_config(tiny, ["keep=last", "generations=3"]))
    shutil.rmtree(tmp_path / "longer")
    with pytest.raises(CorruptRun, match=r"weights of .* of generation 0 were let go \(keep = 'last'\)"):
        add_metrics(directory, ["caption_quality"])


def test_links_are_deleted_and_what_they_lead_to_is_not(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory, precious = copy_of(clean, tmp_path), tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(bytes(5000))
    (directory / "artifacts" / "0123").symlink_to(precious)
    (directory / "artifacts" / "4567").symlink_to(precious / "file")
    (directory / "artifacts" / "tmp-left").mkdir()
    (directory / "artifacts" / "tmp-left" / "inner").symlink_to(precious)
    planned = plan_collection_of(directory)
    assert [(item.name, item.why) for item in planned] == [
        ("0123", "a link"),
        ("4567", "a link"),
        ("tmp-left", "left by a killed write"),
    ]
    assert all(item.num_bytes < 5000 for item in planned)
    assert collect_run(directory) == planned
    assert (precious / "file").stat().st_size == 5000
    assert verify_run(directory).digest == clean[1]


def test_a_linked_folder_of_artifacts_is_refused(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory, precious = copy_of(clean, tmp_path), tmp_path / "precious"
    (directory / "artifacts").rename(precious)
    (directory / "artifacts").symlink_to(precious)
    (precious / "mine").write_bytes(b"mine")
    for act in (plan_collection_of, collect_run):
        with pytest.raises(CorruptRun, match="is a link"):
            act(directory)
    assert (precious / "mine").read_bytes() == b"mine"


def test_weights_that_were_let_go_are_told_as_such(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    planned = plan_collection_of(directory, "last")
    assert {item.why for item in planned} == {"old weights"}
    assert artifacts_on_disk(directory) == artifacts_on_disk(clean[0])
    assert collect_run(directory, "last") == planned
    with open_run(directory) as run:
        with pytest.raises(DataError, match=r"were let go \(keep = 'last'\)"):
            run.artifact(0, "train_clip", "clip")
        with pytest.raises(RunNotFound, match="no generation -1; it has 0 to 2"):
            run.artifact(-1, "train_clip", "clip")


def test_a_policy_never_takes_what_the_loop_needs_next(
    tiny: Config, clean: tuple[Path, str], tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    start_run(directory, override_config(tiny, ["keep=last"]))
    kept, expected = finished_phases(directory), finished_phases(clean[0])
    assert {place: row.artifacts for place, row in kept.items()} == {
        place: row.artifacts for place, row in expected.items()
    }


def test_policies() -> None:
    assert kept_generations("all", 3, 5) == {0, 1, 2, 3, 4, 5}
    assert kept_generations("last", 3, 5) == {2, 3, 4, 5}
    assert kept_generations("every:3", 5, 6) == {0, 3, 4, 5, 6}
