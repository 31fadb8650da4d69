"""Where runs part."""

from collections.abc import Sequence

from rich.table import Table

from loopsim.core.text import printable
from loopsim.report.compare import Comparison
from loopsim.report.terminal.drift import is_headline
from loopsim.report.terminal.screen import Screen
from loopsim.store.rows import MeasuredRow


def print_comparison(console: Screen, found: Comparison, *, everything: bool) -> None:
    """Print in which settings runs differ, the first phase that left something else, and which headline
    values (or all) differ.
    """
    names = [printable(name) for name in found.runs]
    settings = Table("setting", *names, box=None, title="configs", title_justify="left")
    for name, values in found.settings.items():
        settings.add_row(printable(name), *(printable(str(value)) for value in values))
    if found.settings:
        console.print(settings)
    else:
        console.print("their configs are the same")
    if found.parting is None:
        console.print("every phase that all of them have finished left the same")
    else:
        console.print(f"the same until generation {found.parting[0]}, {found.parting[1]}")
    shown = [
        (metric, group, estimates)
        for metric, group, estimates in found.rows
        if (everything or is_headline(metric, group)) and _differ(estimates)
    ]
    if not shown:
        console.print("no measured value differs")
        return
    title = f"generation {found.generation}, where values differ"
    table = Table("metric", "group", *names, box=None, title=title, title_justify="left")
    for metric, group, estimates in shown:
        table.add_row(printable(metric), printable(group), *map(_cell, estimates))
    console.print(table)


def _differ(estimates: Sequence[MeasuredRow | None]) -> bool:
    return len({None if row is None else row.value for row in estimates}) > 1


def _cell(row: MeasuredRow | None) -> str:
    if row is None or row.value is None:
        return "n/a"
    interval = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
    return f"{row.value:.3f}{interval}"
