"""Runs that an older loopsim made are shown as today's are: in 80 columns, through a pipe."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.command_line import in_runs, loopsim_here

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def old_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of schema 2."""
    folder = tmp_path_factory.mktemp("old")
    shutil.copytree(FIXTURES / "store-v2", folder / "store-v2")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "store-v2"], ["Drift report", "recall@1", "no evidence", "OpenMoji"]),
        (["report", "store-v2", "--metric", "recall"], ["gender=woman", "recall@10"]),
        (["runs"], ["store-v2", "1 of 1", "finished"]),
        (["compare", "store-v2", "store-v2"], ["configs are the same", "no measured value differs"]),
    ],
)
def test_an_old_run_is_shown(old_runs: Path, arguments: list[str], words: list[str]) -> None:
    shown = loopsim_here(*arguments, *in_runs(old_runs))
    assert shown.returncode == 0, shown.stderr
    assert all(word in shown.stdout for word in words), shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout


def test_an_old_run_is_a_document_and_a_contact_sheet(old_runs: Path, tmp_path: Path) -> None:
    document = json.loads(loopsim_here("report", "store-v2", "--json", *in_runs(old_runs)).stdout)
    expected = json.loads((FIXTURES / "store-v2.json").read_text())["metrics"]
    found = {f"{r['metric']} {r['group']} {r['generation']}": r["value"] for r in document["metrics"]}
    assert found == pytest.approx(expected)
    compared = json.loads(
        loopsim_here("compare", "store-v2", "store-v2", "--json", *in_runs(old_runs)).stdout
    )
    assert (compared["parting"], compared["generation"], compared["settings"]) == (None, 1, {})
    assert (
        loopsim_here("show", "store-v2", "-o", str(tmp_path / "sheet.png"), *in_runs(old_runs)).returncode
        == 0
    )
    assert min(Image.open(tmp_path / "sheet.png").size) > 200
