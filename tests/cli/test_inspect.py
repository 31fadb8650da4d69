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
    for question in (
        "Did bias grow?",
        "Who is fading?",
        "Are models worse?",
        "Are pictures worse?",
    ):
        assert question in shown.stdout
    assert "OpenMoji" in shown.stdout
    table = shown.stdout.split("The rows that tell most")[1].split("n: ")[0]
    assert sum("evidence" in line or "rose" in line for line in table.splitlines()) <= 20
    everything = loopsim_here("report", directory.name, "--all", *in_runs(directory.parent))
    assert max(map(len, everything.stdout.splitlines())) <= 80
    for words in (
        "Who is in the data",
        "Who the generator draws",
        "CLIP",
        "Captions",
        "gender gap",
        "bootstrap",
    ):
        assert words in everything.stdout


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
        "adjusted_p",
        "is_bias",
        "trend",
    } == set(document["drift"][0])
    assert all(row["adjusted_p"] >= row["p_value"] for row in document["drift"])
    assert document["seed"] == document["config"]["seed"] == 0
    assert [answer["question"] for answer in document["answers"]][:2] == ["Did bias grow?", "Who is fading?"]
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
    where = in_runs(directory.parent)
    for name, kind in (("sheet.jpg", "JPEG"), ("sheet.webp", "WEBP")):
        assert loopsim_here("show", directory.name, "-o", str(tmp_path / name), *where).returncode == 0
        assert Image.open(tmp_path / name).format == kind
    other = loopsim_here("show", directory.name, "-o", str(tmp_path / "sheet.tiff"), *where)
    assert other.returncode == 2
    assert "name a .png, .jpg, .jpeg, .webp file" in other.stderr
    none = loopsim_here("show", directory.name, "-g", "0", *in_runs(directory.parent))
    assert none.returncode == 3
    assert "generation 0 is real data only" in none.stderr


def test_runs_and_verify(finished_run) -> None:
    directory, digest = finished_run
    assert "finished" in loopsim_here("runs", *in_runs(directory.parent)).stdout
    assert f"digest: {digest}" in loopsim_here("verify", directory.name, *in_runs(directory.parent)).stdout
