"""Draws the tables of `loopsim calibrate` and `loopsim benchmark`."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def print_calibration(console: Console, null: Sequence[Any], planted: Sequence[Any]) -> None:
    """Print the rates of `loopsim.studies.calibration.FalseVerdicts` and `FoundShifts`."""
    table = _table("nothing drifts", "loops", "verdicts", "false", "rate", "95 %")
    for row in null:
        table.add_row(
            row.rows,
            str(row.num_loops),
            str(row.num_verdicts),
            str(row.num_false),
            f"{row.rate:.1%}",
            f"{row.low:.1%}-{row.high:.1%}",
        )
    if null:
        console.print(table)
    table = _table("planted shift", "loops", "sign found", "intervals", "cover the truth")
    for row in planted:
        table.add_row(
            row.rows,
            str(row.num_loops),
            f"{row.num_found / row.num_loops:.1%}" if row.num_loops else "n/a",
            str(row.num_intervals),
            f"{row.num_covered / row.num_intervals:.1%}" if row.num_intervals else "n/a",
        )
    if planted:
        console.print(table)


def print_speedups(console: Console, rows: Sequence[Any]) -> None:
    """Print `loopsim.benchmarks.metrics.Speedup` rows."""
    table = _table("metric", "closed form", "definition", "timed", "faster", "difference")
    for row in rows:
        table.add_row(
            row.name,
            f"{1000 * row.fast:.2f} ms",
            f"{row.slow:.1f} s",
            f"{row.share:.2%}",
            f"{row.ratio:,.0f} ×",
            f"{row.difference:.1f} s.e.",
        )
    console.print(table)
