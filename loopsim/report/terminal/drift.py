"""The drift report: a table and a sentence a section."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from loopsim.core.text import printable
from loopsim.report.summary import DriftRow, Summary
from loopsim.report.terminal.interventions import print_interventions
from loopsim.report.terminal.screen import Screen, marked
from loopsim.store.rows import MeasuredRow

Pair = tuple[str, str]  # metric, group
BLOCKS = "▁▂▃▄▅▆▇█"
SPARKLINE = 8  # generations that fit beside the numbers: the latest ones
COLOURS = {
    "amplified": "bold red",
    "mitigated": "bold green",
    "rose": "cyan",
    "fell": "cyan",
    "no evidence": "dim",
}
SECTIONS = {
    "data": "Who is in the data",
    "generator": "Who the generator draws",
    "clip": "CLIP",
    "captions": "Captions",
    "quality": "Quality of generated pictures",
}
GAPS = ("overall", "gender gap", "skin_tone gap")
SHARES = ("gender=woman", "skin_tone=darker")
# Without --metric these rows are shown; of a metric that is not listed, the overall value.
HEADLINES: dict[str, tuple[str, ...]] = {
    "dataset_share_corrected": SHARES,
    "sample_share_corrected": SHARES,
    "generator_share_corrected": SHARES,
    "omission": SHARES,
    "subordination": ("gender=woman",),
    "recall@1": GAPS,
    "self_similarity": GAPS[1:],
    "person_preference.gender": GAPS,
    "person_preference.skin_tone": GAPS,
    "max_skew": ("gender skew", "skin_tone skew"),
    "gender_error": GAPS,
    "cider_d": GAPS,
    "clip_score": GAPS,
    "sample_sharpness": GAPS,
    "homogenisation": GAPS,
} | dict.fromkeys(
    ("dataset_share", "sample_share", "generator_share", "recall@5", "ndkl",
     "gender_error_single", "caption_both", "rouge_l", "dataset_sharpness",
     "dataset_high_frequency", "sample_high_frequency", "sample_kid_clip",
     "sample_density", "sample_coverage", "profession_majority_share"), ()
)  # fmt: skip


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
    """Return a number with as many decimals as fit: 0.123, 12.34, 123.4."""
    return f"{value:.3f}"[:width].rstrip(".")


def print_report(console: Screen, summary: Summary, *, everything: bool) -> None:
    """Print the drift report: a table and a sentence a section, from generation 0 to the last one;
    `everything` shows every group.
    """
    console.print(marked("[bold]Drift report[/bold] of run [bold]{}[/bold]", summary.run))
    if not summary.generations:
        console.print("Nothing has been measured yet.")
        return
    first, last = summary.generations[0], summary.generations[-1]
    against = "against the models trained on real data alone (of S_g: against S_1)"
    console.print(f"generations {first}-{last}; Δ is generation {last} {against}", style="dim")
    drifts = {(row.metric, row.group): row for row in summary.drift if row.generation == last}
    hidden = sum(
        _print_section(console, section, summary, drifts, everything=everything) for section in SECTIONS
    )
    print_interventions(console, summary.interventions)
    console.print(_verdicts(list(drifts.values())))
    if hidden:
        console.print(
            f"{hidden} more rows by group: loopsim report {printable(summary.run)} --metric NAME, or --json",
            style="dim",
        )
    console.print("~ Δ is within what training the baseline again with another seed does", style="dim")
    console.print(summary.method, style="dim")
    if summary.attribution:
        console.print(printable(summary.attribution), style="dim")


def _print_section(
    console: Screen, section: str, summary: Summary, drifts: Mapping[Pair, DriftRow], *, everything: bool
) -> int:
    """Print a section's table, what happened in it, and what is not available. Returns how many rows were
    left out.
    """
    last = summary.generations[-1]
    values = {(row.metric, row.group, row.generation): row for row in summary.metrics}
    first_seen = {metric: i for i, metric in enumerate(dict.fromkeys(row.metric for row in summary.metrics))}
    ordered = sorted(summary.metrics, key=lambda row: first_seen[row.metric])
    mine = list(dict.fromkeys((row.metric, row.group) for row in ordered if row.section == section))
    shown = [pair for pair in mine if everything or is_headline(*pair)]
    if shown:
        console.print(_table(SECTIONS[section], shown, values, drifts, summary.generations))
        console.print(_sentence([drifts[pair] for pair in mine if pair in drifts]))
        now = [values[(*pair, last)] for pair in shown if (*pair, last) in values]
        console.print(_sizes(now), style="dim")
        for reason in dict.fromkeys(row.reason for row in now if row.reason):
            lacking = ", ".join(f"{row.metric} {row.group}" for row in now if row.reason == reason)
            console.print(printable(f"not available: {lacking}: {reason}"), style="dim")
    return len(mine) - len(shown)


def is_headline(metric: str, group: str) -> bool:
    """Return whether a row is shown without being asked for."""
    return group in HEADLINES.get(metric, ("overall",))


def _table(
    title: str,
    pairs: Sequence[Pair],
    values: Mapping[tuple[str, str, int], MeasuredRow],
    drifts: Mapping[Pair, DriftRow],
    generations: Sequence[int],
) -> Table:
    """Return a table of fixed widths (80 columns in all): a line names the metric, an indented one follows
    for each of its groups.
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
    table.add_column("", width=79 - drawn - 5 - 5 - 6 - 15 - 1 - 11 - 7, no_wrap=True, overflow="ellipsis")
    table.add_column(f"g{generations[0]}", justify="right", width=5, no_wrap=True)
    table.add_column(f"g{generations[-1]}", justify="right", width=5, no_wrap=True)
    table.add_column("", width=drawn, no_wrap=True)
    table.add_column("Δ", justify="right", width=6, no_wrap=True)
    table.add_column("95 %", justify="right", width=15, no_wrap=True)
    table.add_column("", width=1, no_wrap=True)
    table.add_column("verdict", width=11, no_wrap=True, overflow="ellipsis")
    metrics = [metric for metric, _ in pairs]
    for index, (metric, group) in enumerate(pairs):
        alone = metrics.count(metric) == 1
        if not alone and metric not in metrics[:index]:
            table.add_row(printable(metric))
        rows = [values.get((metric, group, g)) for g in generations]
        series = [row.value if row else None for row in rows]
        moved = drifts.get((metric, group))
        cells = ["", "", "", ""]
        if moved:
            noise = "~" if moved.retraining is not None and abs(moved.delta) <= moved.retraining else ""
            cells = [
                _signed(moved.delta),
                f"[{_signed(moved.low)},{_signed(moved.high)}]",
                noise,
                moved.verdict,
            ]
        label = metric if alone and group == "overall" else f"{metric} {group}" if alone else f"  {group}"
        numbers = (_number(series[0]), _number(series[-1]), sparkline(series[-SPARKLINE:]))
        table.add_row(
            printable(label),
            *numbers,
            cells[0],
            cells[1],
            cells[2],
            Text(cells[3], COLOURS.get(cells[3], "")),
        )
    return table


def _sentence(rows: Sequence[DriftRow]) -> str:
    """Say in one sentence what happened in a section, over all its rows."""
    if not rows:
        return "Nothing to compare yet."
    told = []
    for verdict in COLOURS:
        mine = sorted((row for row in rows if row.verdict == verdict), key=lambda row: row.p_value)
        if mine and verdict != "no evidence":
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
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in COLOURS}
    text = Text(f"Of all {len(rows)} rows: ")
    for index, (verdict, count) in enumerate(counts.items()):
        text.append(", " if index else "").append(f"{count} {verdict}", COLOURS[verdict])
    return text
