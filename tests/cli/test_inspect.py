"""Commands that show what a run has found."""

import json
from pathlib import Path

from PIL import Image

from tests.helpers.command_line import in_runs, loopsim_here


def test_the_report_fits_80_columns_without_colour(finished_run) -> None:
    directory, _ = finished_run
    shown = loopsim_here("report", directory.name, *in_runs(directory.parent))
    assert shown.returncode == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout
    for words in (
        "Who is in the data",
        "Who the generator draws",
        "CLIP",
        "Captions",
        "gender gap",
        "bootstrap",
        "OpenMoji",
    ):
        assert words in shown.stdout


def test_the_json_report_has_its_columns(finished_run) -> None:
    directory, _ = finished_run
    document = json.loads(loopsim_here("report", "--json", *in_runs(directory.parent)).stdout)
    assert document["run"] == directory.name
    assert document["generations"] == [0, 1, 2]
    assert {"generation", "metric", "group", "value", "n", "low", "high"} <= document["metrics"][0].keys()
    assert {
        "generation",
        "metric",
        "group",
        "delta",
        "low",
        "high",
        "p_value",
        "retraining",
        "verdict",
    } == set(document["drift"][0])
    only = json.loads(
        loopsim_here("report", "--json", "--metric", "recall", *in_runs(directory.parent)).stdout
    )
    assert {row["metric"] for row in only["metrics"]} == {"recall@1", "recall@5", "recall@10"}


def test_a_contact_sheet_is_a_picture(finished_run, tmp_path: Path) -> None:
    directory, _ = finished_run
    shown = loopsim_here(
        "show", directory.name, "-g", "2", "-o", str(tmp_path / "sheet.png"), *in_runs(directory.parent)
    )
    assert shown.returncode == 0, shown.stderr
    assert min(Image.open(tmp_path / "sheet.png").size) > 200
    none = loopsim_here("show", directory.name, "-g", "0", *in_runs(directory.parent))
    assert none.returncode == 3
    assert "generation 0 is real data only" in none.stderr


def test_runs_and_verify(finished_run) -> None:
    directory, digest = finished_run
    assert "finished" in loopsim_here("runs", *in_runs(directory.parent)).stdout
    assert f"digest: {digest}" in loopsim_here("verify", directory.name, *in_runs(directory.parent)).stdout
