"""The report as a page, in a real browser: whole, quiet, readable, and nobody's tool."""

import html
import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from loopsim.core.errors import ConfigError
from loopsim.core.run_folder import STATE
from loopsim.report.page.contents import read_contents
from loopsim.report.page.html import render
from loopsim.report.page.series import series_of
from loopsim.report.page.write import page_of, write_page
from loopsim.runs.housekeeping import annotate
from loopsim.store.rows import SampleRow
from loopsim.store.store import Store
from tests.helpers.browser import browser
from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.damage import copy_of
from tests.helpers.loops import small_config, start_run

HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"><b>bold</b> {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def page(finished_run: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    done = loopsim_here("report", finished_run[0].name, "--html", str(path), *in_runs(finished_run[0].parent))
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    return path


def charts_of(page: str) -> list[dict]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False), (1920, True)])
def test_every_chart_is_drawn_and_nobody_is_asked(page: Path, width: int, dark: bool) -> None:
    assert page.stat().st_size < 5_000_000
    with browser(width, dark=dark) as window:
        window.open(page.as_uri())
        assert window.told == []
        assert [url for url in window.asked if not url.startswith("data:")] == [page.as_uri()]
        charts = charts_of(page.read_text())
        assert len(charts) > 20
        assert window.page.locator(".chart[data-drawn] svg").count() == len(charts)
        assert window.page.locator(".chart").count() == len(charts)
        assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        beyond = window.page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right >"
            " innerWidth + 1 && !e.closest('.scroll, pre, svg')).map(e => e.outerHTML.slice(0, 80))"
        )
        assert beyond == []
        found = Axe().run(window.page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.slow
def test_it_works_by_keyboard_and_its_slider_moves_the_chart(page: Path) -> None:
    with browser() as window:
        window.open(page.as_uri())
        slider = window.page.locator("input[type=range]").first
        chart = window.page.locator(f"#{slider.get_attribute('data-chart')}")
        before = chart.inner_html()
        slider.focus()
        window.page.keyboard.press("ArrowLeft")
        window.page.wait_for_timeout(500)
        assert chart.inner_html() != before
        assert window.page.locator(f"output[for={slider.get_attribute('id')}]").inner_text() == "1"
        sample = window.page.locator(".samples details").first
        sample.locator("summary").focus()
        window.page.keyboard.press("Enter")
        assert "drawn by" in sample.inner_text()


def test_what_people_noted_stands_at_the_top_as_text(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    run = copy_of(finished_run, tmp_path)
    assert 'class="note"' not in page_of([run])
    annotate(run, HOSTILE, ["pilot", "<i>x</i>"])
    found = page_of([run])
    assert HOSTILE not in found
    top = html.unescape(re.sub(r"<[^>]+>", " ", found[found.index('class="note"') : found.index("<nav")]))
    assert HOSTILE in top
    assert "pilot" in top
    assert "<i>x</i>" in top


def test_the_first_screen_answers_in_words(page: Path, finished_run: tuple[Path, str]) -> None:
    text = page.read_text()
    first = re.sub(r"<[^>]+>", " ", text[text.index('id="answer"') : text.index("</section>")])
    for question in ("Did bias grow?", "Who is fading?", "Are models worse?", "Are pictures worse?"):
        assert question in first
    terminal = loopsim_here("report", finished_run[0].name, *in_runs(finished_run[0].parent)).stdout
    said = re.search(r"Did bias grow\? ([^.]+)\.", " ".join(terminal.split()))
    assert said is not None
    assert said[1] in " ".join(first.split())  # the same words


def test_the_strip_holds_each_generators_answer_to_one_prompt(
    finished_run: tuple[Path, str],
) -> None:
    strips = read_contents(finished_run[0]).strips
    assert len(strips) == 8
    assert len({strip.prompt for strip in strips}) == 8
    for strip in strips:
        assert [frame.drawn_by for frame in strip.frames] == ["SD_0", "SD_1"]
        assert all(frame.source is not None for frame in strip.frames)


def test_samples_stand_under_what_the_classifier_saw(finished_run: tuple[Path, str]) -> None:
    contents = read_contents(finished_run[0])
    assert contents.sampled == 2
    assert contents.samples.keys() <= {
        f"{who} & {skin} skin" for who in ("men", "women") for skin in ("lighter", "darker")
    }
    assert 0 < sum(map(len, contents.samples.values())) <= 24


@pytest.mark.slow
def test_what_a_caption_says_stays_text(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    directory = tmp_path / "<img src=x onerror=alert(1)>"
    shutil.copytree(finished_run[0], directory)
    with Store(directory / STATE) as store:
        rows = list(store.scan(SampleRow, 2))
        store.write([replace(row, caption=HOSTILE + "\x1b[31m", prompt=HOSTILE) for row in rows])
    path = tmp_path / "page.html"
    path.write_text(page_of([directory]))
    text = path.read_text()
    assert "<img src=x" not in text
    assert "\x1b" not in text
    with browser() as window:
        window.open(path.as_uri())
        assert window.told == []
        assert window.page.title() == f"Drift report: {directory.name}"
        assert window.page.locator("b").count() == 0
        shown = window.page.locator(".samples dd").first.text_content()
        assert shown is not None
        assert shown.startswith(HOSTILE)


def test_scripts_that_are_not_its_own_do_not_run(page: Path, tmp_path: Path) -> None:
    """The policy holds even if something slipped through."""
    path = tmp_path / "page.html"
    path.write_text(page.read_text().replace("</main>", "<script>document.title='taken'</script></main>"))
    with browser() as window:
        window.open(path.as_uri())
        assert window.page.title() != "taken"
        assert any("Content Security Policy" in told for told in window.told)


def test_runs_that_differ_in_their_seed_are_one_series(
    finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    other, changed = tmp_path / "seed-1", tmp_path / "alpha"
    quick = ["generations=1", 'evaluate.metrics=["representation", "recall"]', "evaluate.num_replicates=1"]
    start_run(tmp_path / "seed-0", small_config(*quick))
    start_run(other, small_config(*quick, "seed=1"))
    start_run(changed, small_config(*quick, "compose.alpha=1.0"))
    runs = [read_contents(path) for path in (tmp_path / "seed-0", other, changed)]
    series = series_of(runs)
    assert [(one.label, len(one.runs)) for one in series] == [("compose.alpha = 0.5", 2), ("alpha", 1)]
    pair = ("recall@1", "overall")
    means = [run.summary.metrics for run in runs[:2]]
    values = [
        next(row.value for row in rows if (row.metric, row.group, row.generation) == (*pair, 1))
        for rows in means
    ]
    point = series[0].points[pair][1]
    assert point.value == pytest.approx(sum(values) / 2)
    half = abs(values[0] - values[1]) / 2 * 12.706  # Student's at one degree of freedom
    assert point.high == pytest.approx(point.value + half, rel=1e-3)
    text = render(runs)
    assert "compose.alpha = 0.5" in text
    folder = loopsim_here("report", str(tmp_path), "--html", str(tmp_path / "all.html"))
    assert folder.returncode == 0, folder.stderr
    assert "Drift report: 3 runs" in (tmp_path / "all.html").read_text()


def test_a_page_that_cannot_be_written_is_told(finished_run: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--html .*: there is no folder"):
        write_page([finished_run[0]], tmp_path / "no" / "page.html")
    with pytest.raises(ConfigError, match="is a folder"):
        write_page([finished_run[0]], tmp_path)


def test_a_page_that_is_served_follows_the_loop_and_answers_this_machine_alone(
    finished_run: tuple[Path, str],
) -> None:
    command = [sys.executable, "-m", "loopsim", "view", str(finished_run[0]), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        try:
            text = urllib.request.urlopen(address).read().decode()
            state = urllib.request.urlopen(address + "state").read().decode()
            assert f'data-state="{state}"' in text
            assert "connect-src 'self'" in html.unescape(text)
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + "../state.lmdb/data.mdb")
            stranger = urllib.request.Request(address, headers={"Host": "evil.example"})
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(stranger)
        finally:
            server.terminate()
