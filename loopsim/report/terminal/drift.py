"""The drift report: a table and a sentence a section."""

import shlex
from collections.abc import Collection, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from loopsim.core.text import printable
from loopsim.metrics.estimate import OVERALL
from loopsim.metrics.reversal import REVERSED
from loopsim.report.answers import TRAINED_ONCE, Answer, Moved, answers_of, is_social_bias, moved_rows
from loopsim.report.headlines import SECTIONS, Pair, headlines
from loopsim.report.summary import DriftRow, Summary
from loopsim.report.terminal.interventions import print_interventions
from loopsim.report.terminal.screen import Screen, marked
from loopsim.store.rows import MeasuredRow

BLOCKS = "▁▂▃▄▅▆▇█"
MOST = 20  # rows that are shown without being asked for
SPARKLINE = 8  # generations that fit beside the numbers: the latest ones
COLOURS = {
    "amplified": "bold red",
    "mitigated": "bold green",
    REVERSED: "bold yellow",
    "rose": "cyan",
    "fell": "cyan",
    "no evidence": "dim",
    "unknown": "dim",
}
LOST = "bold red"
TRENDS = {"rising": "↗", "falling": "↘"}
SAYS = {
    "worse": "bold red",
    "better": "bold green",
    "mixed": "bold yellow",
    "no evidence": "",
    "not measured": "dim",
}


def sparkline(values: Sequence[float | None]) -> str:
    """Return one block a value, scaled between the smallest and the largest; a dot where there is none."""
    present = [value for value in values if value is not None]
    if not present:
        return "·" * len(values)
    low, span = min(present), max(present) - min(present)
    return "".join(
        "·" if value is None else BLOCKS[round((value - low) / span * 7) if span > 0 else 3]
        for value in values
    )


def _number(value: float | None) -> str:
    return "n/a" if value is None else _digits(value, 5)


def _signed(value: float) -> str:
    return ("-" if value < 0 else "+") + _digits(abs(value), 5)


def _digits(value: float, width: int) -> str:
    """Return a number with as many decimals as fit: 0.123, 12.34, 123.4, 3e-04."""
    if 0 < value < 0.0005:
        return f"{value:.0e}"
    return f"{value:.3f}"[:width].rstrip(".")


def print_report(console: Screen, summary: Summary, *, everything: bool) -> None:
    """Print the drift report from generation 0 to the last one: the answers and the rows that tell most, or
    `everything`: a table and a sentence a section with every group.
    """
    console.print(marked("[bold]Drift report[/bold] of run [bold]{}[/bold]", summary.run))
    if not summary.generations:
        console.print("Nothing has been measured yet.")
        return
    first, last = summary.generations[0], summary.generations[-1]
    against = "against the models trained on real data alone (of S_g: against S_1)"
    console.print(f"generations {first}-{last}; Δ: {_recent(first, last)} {against}", style="dim")
    drifts = {(row.metric, row.group): row for row in summary.drift if row.generation == last}
    if everything:
        for section in SECTIONS:
            _print_section(console, section, summary, drifts)
        print_interventions(console, summary.interventions)
    else:
        _print_short(console, summary, drifts)
    console.print(_verdicts(list(drifts.values())))
    console.print(
        "~ Δ is within what training again with another seed does; ↗ ↘ rising, falling over the generations",
        style="dim",
    )
    if any(row.verdict == "unknown" for row in drifts.values()):
        console.print(f"unknown: {TRAINED_ONCE}", style="dim")
    console.print(summary.method, style="dim")
    if summary.attribution:
        console.print(printable(summary.attribution), style="dim")


def _recent(first: int, last: int) -> str:
    return f"the mean of {last - 1} and {last}" if last - first > 1 else f"generation {last}"


def _print_short(console: Screen, summary: Summary, drifts: Mapping[Pair, DriftRow]) -> None:
    """Print the answers, the rows that they rest on and others that tell most, and what interventions did."""
    rows = moved_rows(summary)
    found = answers_of(summary)
    print_answers(console, found)
    shown = _most_telling(found, rows)
    values = {(row.metric, row.group, row.generation): row for row in summary.metrics}
    if shown:
        console.print(_table("The rows that tell most", shown, values, drifts, summary.generations))
        console.print(_sizes([values[(*pair, summary.generations[-1])] for pair in shown]), style="dim")
    now = [row for row in summary.metrics if row.generation == summary.generations[-1]]
    wanted = set(headlines([(row.metric, row.group) for row in now]))
    _print_reasons(console, [row for row in now if (row.metric, row.group) in wanted])
    print_interventions(console, summary.interventions)
    hidden = len({(row.metric, row.group) for row in summary.metrics}) - len(shown)
    if hidden > 0:
        run = shlex.quote(printable(summary.run))
        console.print(
            f"{hidden} more rows: loopsim report {run} --all, --metric NAME, or --json", style="dim"
        )


def print_answers(console: Screen, found: Sequence[Answer]) -> None:
    """Print each question with its answer."""
    for answer in found:
        console.print(
            marked("[bold]{}[/bold] ", answer.question) + Text(printable(answer.text), SAYS[answer.says])
        )


def _most_telling(found: Sequence[Answer], rows: Sequence[Moved]) -> list[Pair]:
    """Return what the answers rest on, then the headlines whose Δ is largest by its own interval."""
    evidence = [(row.metric, row.group) for answer in found for row in answer.evidence]
    clear = sorted(rows, key=lambda row: -row.clearness)
    others = headlines([(row.metric, row.group) for row in clear if row.delta])
    order = {pair: place for place, pair in enumerate(dict.fromkeys((row.metric, row.group) for row in rows))}
    chosen = list(dict.fromkeys([*evidence, *others]))[:MOST]
    return sorted(chosen, key=order.__getitem__)


def _print_section(console: Screen, section: str, summary: Summary, drifts: Mapping[Pair, DriftRow]) -> None:
    """Print a section's table, what happened in it, and what is not available."""
    last = summary.generations[-1]
    values = {(row.metric, row.group, row.generation): row for row in summary.metrics}
    first_seen = {metric: i for i, metric in enumerate(dict.fromkeys(row.metric for row in summary.metrics))}
    ordered = sorted(summary.metrics, key=lambda row: first_seen[row.metric])
    mine = list(dict.fromkeys((row.metric, row.group) for row in ordered if row.section == section))
    if not mine:
        return
    lost = {(one.metric, one.group) for one in summary.lost_now}
    console.print(_table(SECTIONS[section], mine, values, drifts, summary.generations, lost))
    console.print(_sentence([drifts[pair] for pair in mine if pair in drifts]))
    now = [values[(*pair, last)] for pair in mine if (*pair, last) in values]
    console.print(_sizes(now), style="dim")
    _print_reasons(console, now)


def _print_reasons(console: Screen, rows: Sequence[MeasuredRow]) -> None:
    """Print what is not available, and why."""
    for reason in dict.fromkeys(row.reason for row in rows if row.reason):
        lacking = ", ".join(_label(row.metric, row.group) for row in rows if row.reason == reason)
        console.print(printable(f"not available: {lacking}: {reason}"), style="dim")


def _table(
    title: str,
    pairs: Sequence[Pair],
    values: Mapping[tuple[str, str, int], MeasuredRow],
    drifts: Mapping[Pair, DriftRow],
    generations: Sequence[int],
    lost: Collection[Pair] = (),
) -> Table:
    """Return a table that fits 80 columns: a line names the metric, an indented one follows for each of its
    groups; names that are longer than their column go on below.
    """
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_header=True,
    )
    drawn = min(len(generations), SPARKLINE)
    width = 79 - drawn - 5 - 5 - 6 - 15 - 2 - 11 - 7
    table.add_column("", min_width=width, overflow="fold")
    table.add_column(f"g{generations[0]}", justify="right", width=5, no_wrap=True)
    table.add_column(f"g{generations[-1]}", justify="right", width=5, no_wrap=True)
    table.add_column("", width=drawn, no_wrap=True)
    table.add_column("Δ", justify="right", width=6, no_wrap=True)
    table.add_column("95 %", justify="right", width=15, no_wrap=True)
    table.add_column("", width=2, no_wrap=True)
    table.add_column("verdict", width=11, no_wrap=True)
    metrics = [metric for metric, _ in pairs]
    for index, (metric, group) in enumerate(pairs):
        alone = metrics.count(metric) == 1 and len(_label(metric, group)) <= width
        if not alone and metric not in metrics[:index]:
            table.add_row(printable(metric))
        rows = [values.get((metric, group, g)) for g in generations]
        series = [row.value if row else None for row in rows]
        moved = drifts.get((metric, group))
        cells = ["", "", "", "lost" if (metric, group) in lost else ""]
        if moved:
            noise = "~" if moved.retraining is not None and abs(moved.delta) <= moved.retraining else ""
            noise += TRENDS.get(moved.trend.verdict, "") if moved.trend else ""
            cells = [
                _signed(moved.delta),
                f"[{_signed(moved.low)},{_signed(moved.high)}]",
                noise,
                moved.verdict,
            ]
        label = _label(metric, group) if alone else f"  {group}"
        numbers = (_number(series[0]), _number(series[-1]), sparkline(series[-SPARKLINE:]))
        table.add_row(
            printable(label),
            *numbers,
            cells[0],
            cells[1],
            cells[2],
            Text(cells[3], LOST if cells[3] == "lost" else COLOURS.get(cells[3], "")),
        )
    return table


def _label(metric: str, group: str) -> str:
    return metric if group == OVERALL else f"{metric} {group}"


def _sentence(rows: Sequence[DriftRow]) -> str:
    """Say in one sentence what happened in a section, over all its rows."""
    if not rows:
        return "Nothing to compare yet."
    told = []
    for verdict in COLOURS:
        mine = sorted((row for row in rows if row.verdict == verdict), key=lambda row: row.p_value)
        if mine and verdict not in ("no evidence", "unknown"):
            named = ", ".join(f"{row.metric} {row.group} {_signed(row.delta)}" for row in mine[:3])
            told.append(f"{len(mine)} {verdict} ({printable(named)}{', …' if len(mine) > 3 else ''})")
    if not told:
        return f"→ No evidence of drift in any of {len(rows)} rows."
    return f"→ Of {len(rows)} rows " + ", ".join(told) + "; no evidence for the rest."


def _sizes(rows: Sequence[MeasuredRow]) -> str:
    """Return the sample sizes of the rows shown: "n: 400 recall@1, cider_d; 750 clip_score"."""
    sizes: dict[int, list[str]] = {}
    for row in sorted(rows, key=lambda row: -row.n):
        if not any(row.metric in names for names in sizes.values()):
            sizes.setdefault(row.n, []).append(row.metric)
    return printable("n: " + "; ".join(f"{n} {', '.join(names)}" for n, names in sizes.items()))


def _verdicts(rows: Sequence[DriftRow]) -> Text:
    """Return how many rows say what, biases apart from all else."""
    text = Text()
    biases = [row for row in rows if is_social_bias(row.metric, is_bias=row.is_bias)]
    others = [row for row in rows if row not in biases]
    for name, some, verdicts in (
        ("measures of bias", biases, ("amplified", "mitigated", REVERSED)),
        ("other rows", others, ("rose", "fell", "amplified", "mitigated", REVERSED)),
    ):
        text.append("; of " if text else "Of ").append(f"{len(some)} {name} ")
        counts = {verdict: sum(row.verdict == verdict for row in some) for verdict in verdicts}
        told = {v: n for v, n in counts.items() if n or v in verdicts[:2]}
        for index, (verdict, count) in enumerate(told.items()):
            text.append(", " if index else "").append(
                f"{count} {verdict}", COLOURS[verdict] if count else "dim"
            )
    return text.append("; for the rest no evidence", COLOURS["no evidence"])
