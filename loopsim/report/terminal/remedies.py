"""What remedies did: one table of arms by outcomes, and every interval where it is asked for."""

from rich.table import Table
from rich.text import Text

from loopsim.core.text import printable
from loopsim.report.remedies import METHOD, OUTCOMES, Effect, RemedyRow, StudyReport
from loopsim.report.terminal.drift import COLOURS
from loopsim.report.terminal.screen import Screen

IN_TABLE = tuple(one for one in OUTCOMES if one.name != "R@1")  # more do not fit into 80 columns

# What a verdict adds to a mean: a bias that grew and a value that rose are both more than without.
_SIGNS = {"amplified": "+", "rose": "+", "mitigated": "-", "fell": "-", "no evidence": " ", "unknown": "?"}
LEGEND = (
    "Means over seeds; + more and - less than without a remedy, by a verdict; r: within the real data's "
    "interval. time: the whole loop's, as a multiple, loops running side by side."
)


def print_study(console: Screen, found: StudyReport, title: str, *, details: bool = False) -> None:
    """Print the table of arms by outcomes; `details`: every effect with its interval, too."""
    heading = f"{printable(title)}: generation {found.generation}, {found.num_seeds} seeds"
    table = Table(title=heading, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, overflow="fold")
    for one in IN_TABLE:
        table.add_column(one.name, justify="right", no_wrap="gap" not in one.name)
    table.add_column("time", justify="right", no_wrap=True)
    rows = {(row.arm, row.outcome): row for row in found.rows}
    table.add_row("real data", *(_share(found, one.name) for one in IN_TABLE), "")
    for cost in found.costs:
        cells = [_cell(rows[cost.arm, one.name]) for one in IN_TABLE]
        table.add_row(printable(cost.arm), *cells, f"{cost.ratio:.1f}x")
    console.print(table)
    console.print(LEGEND)
    if details:
        for one in OUTCOMES:
            console.print(_details([row for row in found.rows if row.outcome == one.name]))
    _kept(console, found)
    console.print(METHOD, style="dim")


def _share(found: StudyReport, outcome: str) -> str:
    return _short(found.real[outcome][0]) + "  " if outcome in found.real else ""


def _short(value: float) -> str:
    """Return a value in at most five characters: .116, 1.26, 11.0."""
    text = f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _cell(row: RemedyRow) -> Text:
    if row.value is None:
        return Text("n/a  ", "dim")
    verdict = "no evidence" if row.effect is None else row.effect.verdict
    marks = ("r" if row.within_real else " ") if row.within_real is not None else ""
    return Text(
        f"{_short(row.value)}{marks}{_SIGNS[verdict]}", "" if row.effect is None else COLOURS[verdict]
    )


def _details(rows: list[RemedyRow]) -> Table:
    table = Table(
        title=printable(f"{rows[0].metric} {rows[0].group}"),
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for name in ("mean", "Δ", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("from control", justify="right", no_wrap=True)
    for row in rows:
        mean = "n/a" if row.value is None else f"{row.value:.3f}"
        against = "" if row.control is None else _interval(row.against_control)
        if row.effect is None:
            table.add_row(printable(row.arm), mean, "", "", "", against)
            continue
        verdict = Text(row.effect.verdict, COLOURS[row.effect.verdict])
        delta = f"{row.effect.delta:+.3f}"
        table.add_row(printable(row.arm), mean, delta, _interval(row.effect), verdict, against)
    return table


def _interval(effect: Effect | None) -> str:
    return "n/a" if effect is None else f"[{effect.low:+.3f},{effect.high:+.3f}]"


def _kept(console: Screen, found: StudyReport) -> None:
    """Say which remedies keep a share within the real data's interval."""
    for outcome, (share, low, high) in found.real.items():
        mine = [row for row in found.rows if row.outcome == outcome and row.within_real is not None]
        kept = ", ".join(printable(row.arm) for row in mine if row.within_real) or "none"
        group = printable(mine[0].group) if mine else outcome
        console.print(f"→ {group}: real {share:.3f} [{low:.3f}, {high:.3f}]; within it: {kept}")
