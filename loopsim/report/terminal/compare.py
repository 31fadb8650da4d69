"""Where runs part."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from loopsim.core.text import printable
from loopsim.metrics.drift import Drift
from loopsim.metrics.reversal import REVERSED
from loopsim.report.compare import Comparison
from loopsim.report.headlines import is_headline
from loopsim.report.plain_words import interval, number, row_in_words, signed
from loopsim.report.terminal.drift import COLOURS
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
    if found.differences:
        _print_differences(console, found, title, [(metric, group) for metric, group, _ in shown])
        return
    table = Table(box=None, title=title, title_justify="left")
    for name in ("metric", "group", *names):
        table.add_column(name, overflow="fold")
    for metric, group, estimates in shown:
        table.add_row(printable(metric), printable(group), *map(_cell, estimates))
    console.print(table)


def _print_differences(
    console: Screen, found: Comparison, title: str, shown: Sequence[tuple[str, str]]
) -> None:
    """Print two runs' values, how far apart they are, and what may be said of it."""
    table = Table(box=None, title=title, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold", min_width=22)
    for name in ("first", "second", "Δ", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("the second is", no_wrap=True)
    values = {(metric, group): estimates for metric, group, estimates in found.rows}
    unknown = False
    for pair in shown:
        numbers = ["n/a" if row is None or row.value is None else number(row.value) for row in values[pair]]
        moved = found.differences.get(pair)
        cells = ["", ""]
        words = Text("")
        if moved is not None:
            cells = [signed(moved.delta), interval(moved.low, moved.high)]
            asks = any(row is not None and row.has_model for row in values[pair])
            unknown |= asks and moved.retraining is None
            words = _in_words(moved, known=not asks or moved.retraining is not None)
        table.add_row(printable(row_in_words(*pair)), *numbers, *cells, words)
    console.print(table)
    if unknown:
        console.print("* trained once: what retraining alone does is not known", style="dim")
    console.print(
        "Δ: the second less the first (of biases, of their size); 95 % intervals over items and, where a "
        "model is asked, retraining; verdicts: Benjamini-Hochberg over all rows. Two runs speak of "
        "themselves: what holds of a setting takes several seeds (loopsim sweep).",
        style="dim",
    )


def _in_words(moved: Drift, *, known: bool) -> Text:
    if not known:
        return Text("not known*", "dim")
    words = {
        "amplified": "more biased", "mitigated": "less biased", REVERSED: "the other way",
        "rose": "higher", "fell": "lower",
    }  # fmt: skip
    return Text(words.get(moved.verdict, "no evidence"), COLOURS[moved.verdict])


def _differ(estimates: Sequence[MeasuredRow | None]) -> bool:
    return len({None if row is None else row.value for row in estimates}) > 1


def _cell(row: MeasuredRow | None) -> str:
    if row is None or row.value is None:
        return "n/a"
    interval = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
    return f"{row.value:.3f}{interval}"
