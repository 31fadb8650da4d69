"""Figures for papers: the report's own numbers, fonts inside, the same bytes for the same runs."""

import re
import shutil
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from loopsim.report.curves import panels_of
from loopsim.report.drift_plot import save_plot
from loopsim.report.latex import in_latex, latex_table
from loopsim.report.plain_words import number
from loopsim.report.summary import summarize
from tests.helpers.command_line import Done, in_runs, loopsim_here
from tests.helpers.loops import small_config, start_run

RECALL = ["recall@1", "recall@1: gap between genders", "recall@1: gap between skin tones"]


def plot(run: Path, *arguments: str) -> Done:
    """Plot in this process."""
    return loopsim_here("plot", run.name, *arguments, *in_runs(run.parent))


@pytest.fixture(scope="module")
def seeds(finished_run: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seeds of one setting, and one run of another."""
    folder = tmp_path_factory.mktemp("seeds")
    shutil.copytree(finished_run[0], folder / "first")
    start_run(folder / "$other_100%", small_config("compose.alpha=0.9", "generations=1"))
    start_run(folder / "second", small_config("seed=7", "generations=2"))
    return sorted(folder.iterdir())


def test_panels_are_the_reports_rows_with_its_numbers(finished_run: tuple[Path, str]) -> None:
    run = finished_run[0]
    panels = panels_of([run], ["recall@1"])
    assert [panel.title for panel in panels] == RECALL  # and none of recall@10, whose name begins so
    (curve,) = panels[0].curves
    summary = summarize(run)
    rows = [row for row in summary.metrics if (row.metric, row.group) == ("recall@1", "overall")]
    assert [(p.generation, p.value, p.low, p.high) for p in curve.points] == [
        (row.generation, row.value, row.low, row.high) for row in rows
    ]
    drifts = [row for row in summary.drift if (row.metric, row.group) == ("recall@1", "overall")]
    assert curve.moved[0] is None
    assert [(m.delta, m.verdict) for m in curve.moved if m is not None] == [
        (row.delta, row.verdict) for row in drifts
    ]
    assert [panel.pair for panel in panels_of([run], ["recall"], ["gender=woman"])] == [
        (name, "gender=woman") for name in ("recall@1", "recall@10", "recall@5")
    ]
    assert [panel.pair for panel in panels_of([run], ["dataset_share"], ["women"])] == [
        ("dataset_share", "gender=woman")
    ]


@pytest.mark.slow
def test_seeds_of_one_setting_are_one_line(seeds: list[Path], tmp_path: Path) -> None:
    (panel,) = panels_of(seeds, ["recall@1"], ["overall"])
    assert sorted(curve.label for curve in panel.curves) == ["$other_100%", "compose.alpha = 0.5"]
    same = next(curve for curve in panel.curves if curve.label == "compose.alpha = 0.5")
    values = []
    for run in seeds[1:]:
        rows = summarize(run).metrics
        values += [r.value for r in rows if (r.generation, r.metric, r.group) == (1, "recall@1", "overall")]
    assert same.points[1].value == pytest.approx(sum(v for v in values if v is not None) / 2)
    table = latex_table([panel])
    assert table.count(r"compose.alpha = 0.5") == 1
    assert "Setting" in table
    assert r"\$other\_100\%" in table
    save_plot([panel], tmp_path / "$two$.svg", "page")
    assert ElementTree.parse(tmp_path / "$two$.svg").getroot().tag.endswith("svg")


def test_a_pdf_has_its_fonts_inside_and_is_as_wide_as_a_column(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    run = finished_run[0]
    for name in ("a.pdf", "b.pdf"):
        done = plot(run, "--metric", "recall@1", "-o", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"3 panels: {tmp_path / name}\n"
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert re.search(rb"/FontFile2 \d+ 0 R", content)  # TrueType, embedded
    assert b"/Type3" not in content
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)
    assert box is not None
    assert float(box[1]) == pytest.approx(3.35 * 72)
    assert content == (tmp_path / "b.pdf").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


def test_every_kind_of_file_is_what_its_name_says(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run = finished_run[0]
    assert plot(run, "--metric", "recall@1", "-o", str(tmp_path / "a.png"), "--width", "page").returncode == 0
    width, _ = struct.unpack(">II", (tmp_path / "a.png").read_bytes()[16:24])
    assert width == round(6.9 * 300)
    assert plot(run, "--metric", "recall@1", "-o", str(tmp_path / "a.svg")).returncode == 0
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not list(root.iter("{http://www.w3.org/2000/svg}text"))  # letters are shapes: no font is asked for


def test_the_table_has_the_same_numbers(finished_run: tuple[Path, str]) -> None:
    run = finished_run[0]
    done = plot(run, "--metric", "recall@1", "--latex")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:3] == [r"\begin{tabular}{lrrrl}", r"\toprule"]
    assert done.stdout.count(r"\midrule") == 3
    rows = [line for line in done.stdout.splitlines() if line.endswith(r"\\")]
    assert {row.count("&") for row in rows} == {4}
    for row in summarize(run).metrics:
        if (row.metric, row.group) == ("recall@1", "overall"):
            assert row.value is not None
            assert row.low is not None
            assert row.high is not None
            told = f"{row.generation} & {number(row.value)} [{number(row.low)}, {number(row.high)}]"
            assert told.replace("-", "$-$") in done.stdout


def test_no_name_is_a_command_to_latex() -> None:
    assert in_latex(r"\input{x} 100% & $a_b$ #1 ~^") == (
        r"\textbackslash{}input\{x\} 100\% \& \$a\_b\$ \#1 \textasciitilde{}\textasciicircum{}"
    )
    assert in_latex("two\nlines") == "two\ufffdlines"


def test_what_cannot_be_drawn_is_told(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run = finished_run[0]
    out = str(tmp_path / "a.pdf")
    for arguments, told in (
        (("-o", out), "say what to draw with --metric"),
        (("--metric", "recall@1"), "say where to with -o"),
        (("--metric", "nonsense", "-o", out), "--metric nonsense: no value of it"),
        (
            ("--metric", "recall@1", "--group", "elves", "-o", out),
            "--group elves: recall@1 has no such",
        ),
        (("--metric", "recall@1", "--group", "overall", "--group", "elv", "-o", out), "--group elv: none of"),
        (("--metric", "", "-o", out), "panels are too many"),
        (("--metric", "recall@1", "-o", str(tmp_path / "a.gif")), "name a file that ends in .pdf"),
        (("--metric", "recall@1", "-o", str(tmp_path / "no/a.pdf")), "there is no folder"),
    ):
        done = plot(run, *arguments)
        assert done.returncode == 2
        assert told in " ".join(done.stderr.split()), done.stderr
    assert list(tmp_path.iterdir()) == []
