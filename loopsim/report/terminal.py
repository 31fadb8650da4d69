"""Draws summaries with rich: readable at 80 columns, without colour, and through a pipe."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from loopsim.report.summary import DriftRow, MetricRow, RunState, Summary

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKLINE = 8  # generations that fit beside the numbers: the latest ones
COLOURS = {"amplified": "bold red", "mitigated": "bold green", "rose": "cyan", "fell": "cyan", "no evidence": "dim"}
# Sections of the report: title, and the metrics whose names begin so.
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Who is in the data", ("dataset_share", "sample_share")),
    ("Who the generator draws", ("women_per_profession",)),
    ("CLIP", ("recall", "self_similarity", "person_preference")),
    ("Captions", ("gender_error", "caption_")),
    ("Quality of generated pictures", ("clip_score",)),
)
# Without --metric only these groups are shown: every gap, the overall value, and the groups that the shares are read by.
HEADLINE_GROUPS = ("overall", "gender gap", "skin_tone gap", "gender=woman", "skin_tone=darker")


def sparkline(values: Sequence[float | None]) -> str:
    """Return one block a value, scaled between the smallest and the largest; a dot where there is none."""
    present = [value for value in values if value is not None]
    if not present:
        return "·" * len(values)
    low, span = min(present), max(present) - min(present)
    return "".join("·" if value is None else BLOCKS[round((value - low) / span * 7) if span > 0 else 3] for value in values)


def _number(value: float | None) -> str:
    return "n/a" if value is None else _digits(value, 5)


def _signed(value: float) -> str:
    return ("-" if value < 0 else "+") + _digits(abs(value), 5)


def _digits(value: float, width: int) -> str:
    """Return a number with as many decimals as fit: 0.123, 12.34, 123.4."""
    return f"{value:.3f}"[:width].rstrip(".")


def print_report(console: Console, summary: Summary, *, everything: bool) -> None:
    """Print the drift report: a table a section, from generation 0 to the last one; `everything` shows every group."""
    console.print(f"[bold]Drift report[/bold] of run [bold]{escape(summary.run)}[/bold]")
    if not summary.generations:
        console.print("Nothing has been measured yet.")
        return
    last = summary.generations[-1]
    against = "against generation 0 (of S_g: against S_1)"
    console.print(f"generations {summary.generations[0]}-{last}; Δ is generation {last} {against}", style="dim", highlight=False)
    values = {(row.metric, row.group, row.generation): row for row in summary.metrics}
    drifts = {(row.metric, row.group): row for row in summary.drift if row.generation == last}
    pairs = list(dict.fromkeys((row.metric, row.group) for row in summary.metrics))
    hidden = 0
    for title, prefixes in SECTIONS:
        mine = [pair for pair in pairs if pair[0].startswith(prefixes)]
        shown = [pair for pair in mine if everything or _is_headline(*pair)]
        hidden += len(mine) - len(shown)
        if shown:
            console.print(_section(title, shown, values, drifts, summary.generations))
    console.print(_verdicts([row for row in drifts.values() if everything or _is_headline(row.metric, row.group)]))
    if hidden:
        console.print(f"{hidden} more rows by group: loopsim report {escape(summary.run)} --metric NAME, or --json", style="dim")
    console.print(summary.method, style="dim")
    if summary.attribution:
        console.print(summary.attribution, style="dim")


def _is_headline(metric: str, group: str) -> bool:
    if metric in ("recall@5", "caption_both", "gender_error_single", "dataset_share", "sample_share"):
        return False
    if group in ("gender=woman", "skin_tone=darker"):
        return metric.endswith("_corrected")
    return group in HEADLINE_GROUPS and not (metric.endswith("_corrected") and group.endswith("gap"))


def _section(
    title: str,
    pairs: Sequence[tuple[str, str]],
    values: dict[tuple[str, str, int], MetricRow],
    drifts: dict[tuple[str, str], DriftRow],
    generations: Sequence[int],
) -> Table:
    """Return a table of fixed widths (80 columns in all): a line names the metric, an indented one follows for each of its groups."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=True)
    drawn = min(len(generations), SPARKLINE)
    table.add_column("", width=79 - drawn - 5 - 5 - 6 - 15 - 11 - 6, no_wrap=True, overflow="ellipsis")
    table.add_column(f"g{generations[0]}", justify="right", width=5, no_wrap=True)
    table.add_column(f"g{generations[-1]}", justify="right", width=5, no_wrap=True)
    table.add_column("", width=drawn, no_wrap=True)
    table.add_column("Δ", justify="right", width=6, no_wrap=True)
    table.add_column("95 %", justify="right", width=15, no_wrap=True)
    table.add_column("verdict", width=11, no_wrap=True, overflow="ellipsis")
    metrics = [metric for metric, _ in pairs]
    for index, (metric, group) in enumerate(pairs):
        alone = metrics.count(metric) == 1
        if not alone and metric not in metrics[:index]:
            table.add_row(escape(metric))
        rows = [values.get((metric, group, g)) for g in generations]
        series = [row.value if row else None for row in rows]
        moved = drifts.get((metric, group))
        cells = ["", "", ""]
        if moved:
            cells = [_signed(moved.delta), f"[{_signed(moved.low)},{_signed(moved.high)}]", moved.verdict]
        elif reason := next((row.reason for row in reversed(rows) if row and row.reason), None):
            cells[2] = reason
        label = metric if alone and group == "overall" else f"{metric} {group}" if alone else f"  {group}"
        numbers = (_number(series[0]), _number(series[-1]), sparkline(series[-SPARKLINE:]))
        table.add_row(escape(label), *numbers, cells[0], escape(cells[1]), Text(cells[2], COLOURS.get(cells[2], "")))
    return table


def _verdicts(rows: Sequence[DriftRow]) -> Text:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in COLOURS}
    text = Text("Of the rows above: ")
    for index, (verdict, count) in enumerate(counts.items()):
        text.append(", " if index else "").append(f"{count} {verdict}", COLOURS[verdict])
    return text


def print_runs(console: Console, states: Sequence[RunState]) -> None:
    """Print a line for each run: its state, how far it is, and when it last changed."""
    table = Table(box=None, pad_edge=False)
    for name in ("run", "generations", "state", "samples", "changed"):
        table.add_column(name, justify="right" if name == "samples" else "left")
    for state in states:
        stands = "[green]finished[/green]" if state.finished else f"[yellow]next: {state.next_phase}[/yellow]"
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.changed_at))
        progress = f"{max(state.finished_generations - 1, 0)} of {state.planned_generations}"
        table.add_row(escape(state.name), progress, stands, str(state.num_samples), changed)
    console.print(table)
