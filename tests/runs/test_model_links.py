"""Weights have names that people can read."""

import os
import shutil
from pathlib import Path

import open_clip

from loopsim.runs.retention import collect_run
from tests.helpers.damage import copy_of
from tests.helpers.loops import resume_run
from tests.helpers.rows import artifact_of


def test_every_model_has_a_name_that_leads_to_its_artifact(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run = copy_of(finished_run, tmp_path)
    names = {path.name for path in (run / "models").iterdir()}
    assert {"CLIP_0", "CLIP_1", "CLIP_2", "captioner_2", "SD_0", "SD_1", "CLIP_0-replicate-1"} <= names
    for name, phase, part in (("CLIP_1", "train_clip", "clip"), ("SD_0", "finetune", "generator")):
        link = run / "models" / name
        assert link.resolve() == (run / "artifacts" / artifact_of(run, int(name[-1]), phase, part)).resolve()
        assert not os.path.isabs(os.readlink(link)), "a run may move with its folder"
    moved = tmp_path / "elsewhere"
    run.rename(moved)
    model = open_clip.create_model(f"local-dir:{moved / 'models' / 'CLIP_2'}")
    assert sum(p.numel() for p in model.parameters()) > 0


def test_names_go_with_the_weights_and_what_is_somebody_elses_stays(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run = copy_of(finished_run, tmp_path)
    (run / "models" / "SD_1").unlink()
    (run / "models" / "SD_1").symlink_to(tmp_path)  # a stranger's
    (run / "models" / "notes.txt").write_text("mine")
    collect_run(run, "last")
    names = {path.name for path in (run / "models").iterdir()}
    assert "notes.txt" in names
    assert "CLIP_0" not in names
    assert "CLIP_2" in names
    assert all(path.exists() for path in (run / "models").iterdir()), "no name leads nowhere"
    assert all(path.resolve().is_relative_to(run.resolve()) for path in (run / "models").iterdir())


def test_a_folder_that_is_a_link_is_left_alone(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(finished_run, tmp_path)
    shutil.rmtree(run / "models")
    (tmp_path / "elsewhere").mkdir()
    (run / "models").symlink_to(tmp_path / "elsewhere")
    collect_run(run, "last")
    assert resume_run(run)
    assert not list((tmp_path / "elsewhere").iterdir())
