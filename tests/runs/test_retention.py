"""Garbage and old weights go; what the loop needs next stays."""

import shutil
from pathlib import Path

import pytest

from loopsim.config import Config, override_config
from loopsim.core.errors import CorruptRun
from loopsim.runs.retention import kept_generations
from loopsim.runs.verify import collect_run, verify_run
from loopsim.studies.add_metrics import add_metrics
from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run, start_run
from tests.helpers.rows import artifacts_on_disk, finished_phases, named_artifacts, released_phases


def test_gc_frees_what_no_row_names(clean: tuple[Path, str], tmp_path: Path) -> None:
    directory = copy_of(clean, tmp_path)
    for name in ("tmp-left", "0123456789abcdef"):
        (directory / "artifacts" / name).mkdir()
        (directory / "artifacts" / name / "file").write_bytes(bytes(5000))
    done = loopsim("gc", str(directory), *in_runs(tmp_path))
    assert "tmp-left: 5 kB, left by a killed write" in done.stdout
    assert "0123456789abcdef: 5 kB, no row names it" in done.stdout
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
