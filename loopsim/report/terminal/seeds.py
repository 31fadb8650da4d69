"""Drift over seeds: a table for each setting of a sweep."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from loopsim.core.text import printable
from loopsim.report.headlines import is_headline
from loopsim.report.seeds import SeedRow
from loopsim.report.terminal.drift import COLOURS
from loopsim.report.terminal.screen import Screen


def print_seeds(console: Screen, title: str, rows: Sequence[SeedRow]) -> None:
    """Print the last generation's headline rows and those with a verdict."""
    if not rows:
        console.print(f"{printable(title)}: fewer than two seeds have finished, so there is no interval yet")
        return
    last = max(row.generation for row in rows)
    heading = f"{printable(title)}: generation {last} over {rows[0].num_seeds} seeds"
    table = Table(title=heading, title_justify="left", box=None, pad_edge=False)
    for name in ("metric", "group"):
        table.add_column(name, overflow="fold")
    for name in ("mean Δ", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        told = is_headline(row.metric, row.group) or row.verdict != "no evidence"
        if row.generation == last and told:
            interval = f"[{row.low:+.3f},{row.high:+.3f}]"
            texts = (row.metric, row.group, f"{row.delta:+.3f}", interval)
            table.add_row(*map(printable, texts), Text(row.verdict, COLOURS[row.verdict]))
    console.print(table)
