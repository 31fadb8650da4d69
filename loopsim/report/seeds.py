"""Drift over runs that differ in their seed alone: the seed is the resampling unit and replaces items and
retraining (METRICS.md §4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from loopsim.metrics.drift import drift_over_seeds, with_verdicts
from loopsim.report.summary import Summary
from loopsim.report.terminal import COLOURS, is_headline


@final
@dataclass(frozen=True)
class SeedRow:
    """The mean drift of one row over `num_seeds` runs at a generation, with Student's interval over seeds and
    the verdict.
    """

    generation: int
    metric: str
    group: str
    num_seeds: int
    delta: float
    low: float
    high: float
    p_value: float
    verdict: str


def drift_rows(summaries: Sequence[Summary]) -> list[SeedRow]:
    """Return a row for each metric, group and generation that all runs have; at least two runs are needed for
    an interval.
    """
    deltas: dict[tuple[int, str, str], list[float]] = {}
    for summary in summaries:
        for row in summary.drift:
            deltas.setdefault((row.generation, row.metric, row.group), []).append(row.delta)
    biases = {(row.metric, row.group): row.is_bias for summary in summaries for row in summary.metrics}
    rows: list[SeedRow] = []
    for generation in sorted({generation for generation, _, _ in deltas}):
        names = [
            name for name, values in deltas.items() if name[0] == generation and len(values) == len(summaries)
        ]
        found = [(name, drift_over_seeds(deltas[name], is_bias=biases[name[1:]])) for name in names]
        judged = with_verdicts([drift for _, drift in found if drift is not None])
        for (name, _), drift in zip([pair for pair in found if pair[1] is not None], judged, strict=True):
            rows.append(
                SeedRow(
                    *name, len(summaries), drift.delta, drift.low, drift.high, drift.p_value, drift.verdict
                )
            )
    return rows


def print_seeds(console: Console, title: str, rows: Sequence[SeedRow]) -> None:
    """Print the last generation's headline rows and those with a verdict."""
    if not rows:
        console.print(f"{escape(title)}: fewer than two seeds have finished, so there is no interval yet")
        return
    last = max(row.generation for row in rows)
    shown = [
        row
        for row in rows
        if row.generation == last and (is_headline(row.metric, row.group) or row.verdict != "no evidence")
    ]
    table = Table(
        title=f"{escape(title)}: generation {last} over {rows[0].num_seeds} seeds",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("metric", "group", "mean Δ", "95 %", "verdict"):
        table.add_column(
            name, justify="right" if name in ("mean Δ", "95 %") else "left", no_wrap=True, overflow="ellipsis"
        )
    for row in shown:
        interval = f"[{row.low:+.3f},{row.high:+.3f}]"
        table.add_row(
            escape(row.metric),
            escape(row.group),
            f"{row.delta:+.3f}",
            escape(interval),
            Text(row.verdict, COLOURS[row.verdict]),
        )
    console.print(table)
