"""Artifacts are whole or not there, and damage to them is found."""

from pathlib import Path

import pytest

from loopsim.core.errors import StorageFailed
from loopsim.store import artifacts
from tests.helpers.faults import on_faults
from tests.helpers.syscalls import SUPPORTED, run_forked


def write_weights(folder: Path) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")


def test_equal_artifacts_are_one(tmp_path: Path) -> None:
    assert artifacts.put(tmp_path, write_weights) == artifacts.put(tmp_path, write_weights)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not SUPPORTED, reason="system calls are seen by ptrace on Linux")
def test_every_folder_that_leads_to_an_artifact_is_synced_after_it_got_its_name(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    ended = run_forked(lambda: artifacts.put(tmp_path / "run" / "artifacts", write_weights), tmp_path)
    assert ended.error is None
    told = [change for change in ended.changes if change.startswith(("rename", "fsync"))]
    assert told[-3].startswith("rename run/artifacts/tmp-")
    assert told[-2:] == ["fsync run/artifacts", "fsync run"]


@pytest.mark.parametrize("point", ["artifact.fsync.before", "artifact.rename.before"])
def test_an_artifact_that_was_not_finished_is_not_there(tmp_path: Path, point: str) -> None:
    def fail(reached: str, _: int) -> None:
        if reached == point:
            raise OSError("disk")

    with on_faults(fail), pytest.raises(StorageFailed, match="disk"):
        artifacts.put(tmp_path, write_weights)
    assert list(tmp_path.iterdir()) == []


def test_damage_to_an_artifact_is_found(tmp_path: Path) -> None:
    name = artifacts.put(tmp_path, write_weights)
    assert artifacts.damage(tmp_path, name) is None
    (tmp_path / name / "model.safetensors").write_bytes(b"weighty")
    assert "damaged" in str(artifacts.damage(tmp_path, name))
    artifacts.remove(tmp_path, name)
    assert "missing" in str(artifacts.damage(tmp_path, name))
