"""The page's blocks of charts and tables, as its template takes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

from loopsim.core.events import Fact
from loopsim.core.text import printable
from loopsim.report.headlines import SECTIONS, Pair, headlines
from loopsim.report.interventions import InterventionReport
from loopsim.report.page import charts as draw
from loopsim.report.page.charts import Chart
from loopsim.report.page.series import Series
from loopsim.report.plain_words import group_in_words, interval, number, signed, words_of


@final
@dataclass(frozen=True)
class Block:
    """Charts under one heading; `name` is the heading's anchor."""

    name: str
    title: str
    charts: Sequence[Chart]
    note: str = ""


def curves(series: Sequence[Series]) -> list[Block]:
    """Return small multiples: the rows that the answers rest on, then the other headlines by section."""
    evidence = dict.fromkeys(
        (row.metric, row.group) for one in series for answer in one.answers for row in answer.evidence
    )
    pairs = headlines(dict.fromkeys(pair for one in series for pair in one.points))
    sections = {pair: section for one in series for pair, section in one.sections.items()}
    blocks = [_multiples("evidence", "The rows behind it", list(evidence), series)]
    for section, title in SECTIONS.items():
        mine = [pair for pair in pairs if sections[pair] == section and pair not in evidence]
        blocks.append(_multiples(section, title, mine, series))
    return [block for block in blocks if block.charts]


def _multiples(name: str, title: str, pairs: Sequence[Pair], series: Sequence[Series]) -> Block:
    found = [draw.drift_chart(f"chart-{name}-{i}", pair, series) for i, pair in enumerate(pairs)]
    return Block(name, title, [chart for chart in found if chart is not None])


_WIDE: Final[dict[str, tuple[str, str, Callable[[str, Series], Chart | None]]]] = {
    "moved": (
        "What has moved",
        "Each row's Δ in half-widths of its own 95 % interval: bars that do not meet the line exclude zero.",
        lambda name, one: draw.forest_chart(name, one, headlines(one.points)),
    ),
    "groups": ("Groups", "", draw.heat_map),
    "professions": ("Professions", "", draw.professions_chart),
    "time": ("Where time went", "", lambda name, one: draw.time_chart(name, one.runs[0])),
}


def wide(series: Sequence[Series]) -> list[Block]:
    """Return the charts that take the page's width, of each series."""
    blocks = []
    for name, (title, note, chart_of) in _WIDE.items():
        found = [chart_of(f"{name}-{i}", one) for i, one in enumerate(series)]
        blocks.append(Block(name, title, [chart for chart in found if chart is not None], note))
    return [block for block in blocks if block.charts]


def numbers(one: Series) -> list[tuple[str, ...]]:
    """Return all rows of the last generation: measure, group, first, last, Δ, interval, verdict."""
    return [
        (
            words_of(row.metric).name,
            group_in_words(row.group) or "all",
            number(row.first),
            number(row.last),
            signed(row.delta),
            interval(row.low, row.high),
            row.verdict,
        )
        for row in one.last
    ]


@final
@dataclass(frozen=True)
class FactTable:
    """What an intervention told, by fact and generation."""

    label: str
    generations: Sequence[int]
    rows: Sequence[tuple[str, Sequence[str]]]


def facts(one: InterventionReport) -> FactTable:
    """Return the table of an intervention's facts."""
    generations = sorted({generation for values in one.facts.values() for generation in values})
    rows = [
        (printable(name.replace("_", " ")), [_fact(values.get(g)) for g in generations])
        for name, values in one.facts.items()
    ]
    return FactTable(printable(one.label), generations, rows)


def _fact(value: Fact) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else printable(str(value))
