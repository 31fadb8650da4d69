"""Curves and tables for papers: named rows, embedded fonts, the numbers of the report."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from loopsim.core.errors import ConfigError
from loopsim.report.drift_plot import latex_table, rows_named, save_plot
from loopsim.report.page.contents import read_contents
from loopsim.report.page.series import Series, series_of
from tests.helpers.command_line import in_runs, loopsim_here


@pytest.fixture(scope="module")
def series(finished_run: tuple[Path, str]) -> list[Series]:
    return series_of([read_contents(finished_run[0], pictures=False)])


def test_a_row_is_a_metric_or_one_of_its_groups(series: list[Series]) -> None:
    assert rows_named(series, ["recall@1", "recall@1:gender gap"]) == [
        ("recall@1", "overall"),
        ("recall@1", "gender gap"),
    ]
    with pytest.raises(ConfigError, match=r"--metric recal@1: not measured; did you mean .*recall@1"):
        rows_named(series, ["recal@1"])
    with pytest.raises(ConfigError, match="recall@1:gender gap"):
        rows_named(series, ["recall@1:men"])


@pytest.mark.parametrize(("width", "inches"), [("column", 3.35), ("page", 6.9)])
def test_a_pdf_has_its_fonts_and_its_width(
    series: list[Series], width: str, inches: float, tmp_path: Path
) -> None:
    path = tmp_path / "fig.pdf"
    save_plot(series, rows_named(series, ["recall@1", "cider_d"]), path, width)
    content = path.read_bytes()
    assert b"/FontFile2" in content  # TrueType, embedded
    assert b"/Type3" not in content
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", content)
    assert box is not None
    assert float(box[1]) / 72 == pytest.approx(inches, abs=0.02)


def test_other_formats_are_what_they_say(series: list[Series], tmp_path: Path) -> None:
    pairs = rows_named(series, ["recall@1"])
    save_plot(series, pairs, tmp_path / "fig.svg")
    assert ET.parse(tmp_path / "fig.svg").getroot().tag.endswith("svg")
    save_plot(series, pairs, tmp_path / "fig.png")
    assert Image.open(tmp_path / "fig.png").width == round(3.35 * 300)
    for wrong, words in (("fig.gif", r"name a \.pdf"), ("no/fig.pdf", "cannot be written")):
        with pytest.raises(ConfigError, match=words):
            save_plot(series, pairs, tmp_path / wrong)


def test_a_table_has_the_reports_numbers_and_no_letter_that_latex_reads(series: list[Series]) -> None:
    one = series[0]
    text = latex_table([Series("50 % of_x & $y$ {z}", one.runs), one], rows_named(series, ["recall@1"]))
    rows = [line for line in text.splitlines() if line.endswith(r" \\")][1:]
    assert rows[0].split(" & ")[1] == "50 \\% of\\_x \\& \\$y\\$ \\{z\\}".split(" & ")[0]
    point = one.points["recall@1", "overall"][-1]
    assert f"{point.value:.3f}".lstrip("0") in rows[1]
    assert all(line.count(" & ") == rows[1].count(" & ") for line in rows[1:])


def test_by_command(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run, where = finished_run[0].name, in_runs(finished_run[0].parent)
    path = tmp_path / "fig.pdf"
    done = loopsim_here("plot", run, "--metric", "recall@1", "-o", str(path), "--latex", *where)
    assert done.returncode == 0, done.stderr
    assert path.stat().st_size > 2000
    assert "\\toprule" in done.stdout
    lacking = loopsim_here("plot", run, *where)
    assert lacking.returncode == 2
    assert "--metric NAME, and -o FILE or --latex" in lacking.stderr
