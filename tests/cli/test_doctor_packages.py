"""`doctor` says which installed packages cannot be used."""

from pathlib import Path

import pytest

from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.loops import CONFIGS


@pytest.mark.slow
def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "broken_measure-1.2.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-measure\nVersion: 1.2\n")
    (installed / "entry_points.txt").write_text("[loopsim.metrics]\nsmiles = nowhere_to_be_found:SMILES\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    shown = loopsim("doctor", str(CONFIGS / "paper_coco.toml"), *in_runs(tmp_path / "runs"))
    assert shown.returncode == 0, shown.stderr
    words = shown.stdout.replace("\n", " ")
    assert "broken-measure 1.2" in words
    assert "'smiles'" in words
    assert "nowhere_to_be_found" in words
