"""A page as HTML: the template filled, its scripts allowed by their hashes and by nothing else."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from loopsim.report.page import blocks, texts
from loopsim.report.page.charts import HUES, Chart
from loopsim.report.page.contents import RunContents
from loopsim.report.page.series import series_of

MARKS: Final = {"worse": "▲", "better": "▼", "mixed": "◆", "no evidence": "○", "not measured": "–"}
MOST_IN_DETAIL: Final = 4  # series that get pictures, a forest and a heat map of their own
# As Vega draws the shapes of `charts.SHAPES`.
_SHAPES: Final = (
    "M5,0A5,5,0,1,1,-5,0A5,5,0,1,1,5,0Z", "M-4.5,-4.5h9v9h-9Z", "M0,-5L5,4H-5Z", "M0,-5.5L5,0L0,5.5L-5,0Z",
    "M-5,-2h3v-3h4v3h3v4h-3v3h-4v-3h-3Z", "M0,5L5,-4H-5Z", "M5,0L-4,5V-5Z", "M-5,-1.5h10v3h-10Z",
)  # fmt: skip


def render(runs: Sequence[RunContents], state: str = "") -> str:
    """Return the page of one run or several, one document that needs nothing else; `state` is what a page
    that is served asks its server for, to be read again when it changes.
    """
    series = series_of(runs)
    detailed = series[:MOST_IN_DETAIL]
    curves, wide = blocks.curves(series), blocks.wide(detailed)
    shown = [chart for block in (*curves, *wide) for chart in block.charts]
    firsts = [(one.label, one.runs[0]) for one in detailed]
    vega, script = _asset("vega.js"), _asset("page.js")
    values: dict[str, Any] = {
        "title": texts.title(runs),
        "subtitle": texts.subtitle(runs, series),
        "policy": _policy((vega, script), connects=bool(state)),
        "style": Markup(_asset("page.css")),
        "vega": Markup(vega),
        "script": Markup(script),
        "state": state,
        "marks": MARKS,
        "blocks": [{"label": one.label, "answers": one.answers} for one in series],
        "notes": [
            (run.name if len(runs) > 1 else "", run.tags, run.note) for run in runs if run.note or run.tags
        ],
        "caution": texts.caution(series),
        "legend": [
            (HUES[i % len(HUES)], _SHAPES[i % len(_SHAPES)], one.label) for i, one in enumerate(series)
        ],
        "curves": curves,
        "wide": wide,
        "slides": {chart.name: _range(chart) for chart in shown if chart.slides},
        "strips": [(label, run.strips) for label, run in firsts if run.strips],
        "samples": [(f"{label}, S_{run.sampled}", run.samples) for label, run in firsts if run.samples],
        "interventions": [
            (run.name, blocks.facts(one)) for _, run in firsts for one in run.summary.interventions
        ],
        "tables": [{"label": one.label, "rows": blocks.numbers(one)} for one in series],
        "runs": [{"name": run.name, "facts": texts.made(run), "toml": run.toml} for run in runs],
        "method": runs[0].summary.method,
        "limits": texts.limits(series),
        "attribution": runs[0].summary.attribution,
        "made_by": f"loopsim {version('loopsim')}; charts by Vega-Lite. This page asks no network.",
        "charts": [asdict(chart) for chart in shown],
    }
    values["sections"] = _sections(values)
    return _environment().from_string(_asset("page.html")).render(values)


def _sections(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the anchors and names of what is on the page, in its order."""
    first, *others = [(block.name, block.title) for block in values["curves"]] or [("answer", "The answer")]
    optional = {
        "samples": "Samples by group",
        "interventions": "Interventions",
    }
    return [
        ("answer", "The answer"),
        first,
        *([("pictures", "Pictures over generations")] if values["strips"] and values["curves"] else []),
        *others,
        *((block.name, block.title) for block in values["wide"]),
        *((name, title) for name, title in optional.items() if values[name]),
        ("numbers", "All numbers"),
        ("made", "How it was made"),
        ("reading", "How to read it"),
    ]


@cache
def _asset(name: str) -> str:
    return (resources.files("loopsim") / "assets" / "page" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _policy(scripts: Sequence[str], *, connects: bool) -> str:
    """Return the page's Content-Security-Policy: its own scripts run, its pictures stand in it, and nothing
    is fetched.
    """
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        f"base-uri 'none'; form-action 'none'" + ("; connect-src 'self'" if connects else "")
    )


def _range(chart: Chart) -> tuple[int, int]:
    """Return the first and last generation of a chart that a slider moves."""
    generations = [row["generation"] for row in chart.spec["data"]["values"]]
    return min(generations), max(generations)
