"""The docs site: built without a warning, whole, asking no network; its first commands run as they stand."""

import html
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import loopsim
from loopsim.cli.main import COMMANDS
from loopsim.evaluation.measure import MEASURES
from loopsim.report.plain_words import METRICS
from tests.helpers.site import broken_links, code_block, fetched_from_elsewhere, files_that_say, read_pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_whole(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *"-W --keep-going -q -b html -d read".split(), str(DOCS), str(site)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pages = read_pages(site)
    assert len(pages) > 20
    assert broken_links(pages) == []
    assert fetched_from_elsewhere(site, pages) == []
    assert files_that_say(site, str(ROOT), str(tmp_path), sys.prefix) == []

    # What is generated has everything that there is.
    def missing(page: str, names: list[str]) -> list[str]:
        text = html.unescape(re.sub(r"<[^>]+>", "", (site / page).read_text("utf-8")))
        return [name for name in names if name not in text]

    assert missing("metrics.html", [*METRICS, *MEASURES.own]) == []
    commands = [one.__name__.replace("_", "-") for group in COMMANDS.values() for one in group]
    assert missing("commands.html", [f"loopsim {name}" for name in commands]) == []
    public = pages[site / "api.html"].anchors
    assert {f"loopsim.{name}" for name in loopsim.__all__} - public == set()
    modules = {f"module-loopsim.metrics.{path.stem}" for path in (ROOT / "loopsim/metrics").glob("[!_]*.py")}
    assert modules - pages[site / "metric-reference.html"].anchors == set()
    assert "% generated" not in "".join(path.read_text("utf-8") for path in pages)


@pytest.mark.slow
def test_the_commands_of_the_first_page_run_as_they_stand(tmp_path: Path) -> None:
    """`loopsim` is this checkout's; all else is the page's own text."""
    command = tmp_path / "bin" / "loopsim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m loopsim "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    place = tmp_path / "here"
    place.mkdir()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code_block(DOCS / "start.md", "Five commands")],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Did bias grow?" in done.stdout
    assert "all sound" in done.stdout
    assert {path.name for path in place.iterdir()} == {"runs", "first.html", "first.png"}
    assert "Did bias grow?" in (place / "first.html").read_text("utf-8")


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))],
    ids=lambda path: path.name,
)
def test_links_between_files_lead_somewhere_without_a_site_too(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", page.read_text("utf-8"))
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_the_example_page_is_one_that_a_mail_can_carry() -> None:
    page = DOCS / "example" / "report.html"
    assert page.stat().st_size < 5_000_000
    assert "Did bias grow?" in page.read_text("utf-8")


def test_the_readme_is_short_and_its_two_commands_are_a_line_each() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) < 150
    _, _, after = text.partition("\n## Two commands\n")
    blocks = re.findall(r"^```bash\n(.*?)^```", after, re.DOTALL | re.MULTILINE)[:2]
    assert [block.count("\n") for block in blocks] == [1, 1]
