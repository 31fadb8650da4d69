"""An audit of texts: whom they leave out, who has the lesser role, and the words that mark groups."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from loopsim.core.text import printable
from loopsim.data.stories import BASELINE
from loopsim.metrics.harms import MedianRatio
from loopsim.report.terminal.drift import sparkline
from loopsim.report.terminal.screen import Screen, marked
from loopsim.report.text_audit import Omission, Subordination, TextAudit

CURVE = range(5, 100, 5)  # the t that the small graph of a median's curve has


def print_text_audit(console: Screen, audit: TextAudit, *, num_words: int = 10) -> None:
    """Print the counts of people, every ratio with its interval, and up to `num_words` marked words a
    group.
    """
    console.print(
        marked(
            "text audit of [bold]{}[/bold]: {} texts; 95 % intervals", audit.source, f"{audit.num_texts:,}"
        )
    )
    for row in audit.bad_rows:
        console.print(marked("[yellow]skipped[/yellow] {}: {}", row.where, row.reason))
    if audit.num_bad > len(audit.bad_rows):
        console.print(f"… and {audit.num_bad - len(audit.bad_rows):,} more")
    if audit.num_left_out:
        console.print(f"{audit.num_left_out:,} rows left out by --only")
    console.print(_people(audit))
    _title(console, "Omission", "the share of a group over its share of the population, p*")
    console.print(_omission(audit))
    console.print(_left_out(audit.omission))
    _title(console, "Subordination", "the share in the subordinated role over that in the dominant one")
    if audit.reason is not None:
        console.print(printable(f"not available: {audit.reason}"), style="dim")
    else:
        console.print(_subordination(audit))
        console.print(_put_down(audit.subordination))
    if audit.medians:
        _title(console, "Median racialised subordination", f"its curve over t = {CURVE[0]} … {CURVE[-1]} %")
        console.print(_medians(audit))
    _title(console, "Marked words", "z after Benjamini and Hochberg's correction")
    for group, words in audit.marked.items():
        told = ", ".join(f"{word.word} {word.corrected_z:.1f}" for word in words[:num_words])
        more = f", and {len(words) - num_words:,} more" if len(words) > num_words else ""
        console.print(printable(f"{group} against {audit.unmarked[group]}: {told or 'none'}{more}"))
    if not audit.races:
        console.print("races were not asked for: --genders-only", style="dim")


def _title(console: Screen, title: str, what: str) -> None:
    console.print(marked("[bold]{}[/bold]: {}", title, what))


def _grid(*columns: str) -> Table:
    """Return a table whose first column is the group."""
    table = Table(box=None, pad_edge=False)
    table.add_column(columns[0], no_wrap=True, overflow="ellipsis", max_width=18)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _people(audit: TextAudit) -> Table:
    table = _grid("role", "people", "gender known", *(["named", "in the table"] if audit.races else []))
    for role, people in audit.people.items():
        counts = [people.num_people, people.num_gendered]
        counts += [people.num_named, people.num_matched] if audit.races else []
        table.add_row(role, *(f"{count:,}" for count in counts))
    return table


def _omission(audit: TextAudit) -> Table:
    """Return a line a group, a column a role; groups of non-binary people of a race only where there are
    any.
    """
    rows = {(row.group, row.role): row for row in audit.omission}
    table = _grid("group", "p*", *audit.people)
    for group in dict.fromkeys(row.group for row in audit.omission):
        mine = [rows.get((group, role)) for role in audit.people]
        found = [row for row in mine if row is not None]
        if " nonbinary" not in group or any(row.count for row in found):
            cells = ["" if row is None else _interval(row.value, row.low, row.high) for row in mine]
            table.add_row(group, f"{found[0].reference:.3f}"[1:], *cells)
    return table


def _left_out(rows: Sequence[Omission]) -> str:
    """Say in one sentence who is clearly fewer and who clearly more than in the population."""
    roles = [row.role for row in rows]
    if not roles:
        return "→ Of nobody the gender or the race is known."
    role = BASELINE if BASELINE in roles else roles[0]
    mine = [row for row in rows if row.role == role]
    fewer = _named(row.group for row in mine if row.high < 1)
    more = _named(row.group for row in mine if row.low > 1)
    return f"→ {role}: fewer than in the population: {fewer}; more: {more}."


def _put_down(rows: Sequence[Subordination]) -> str:
    """Say in one sentence who clearly has the subordinated role, or the dominant one, more often."""
    lesser = _named(row.group for row in rows if row.low is not None and row.low > 1)
    greater = _named(row.group for row in rows if row.high is not None and row.high < 1)
    return f"→ More often subordinated than dominant: {lesser}; more often dominant: {greater}."


def _named(groups: Iterable[str]) -> str:
    return ", ".join(groups) or "nobody"


def _subordination(audit: TextAudit) -> Table:
    table = _grid("group", "R_sub", "subordinated", "dominant")
    for row in audit.subordination:
        if " nonbinary" not in row.group or row.subordinated or row.dominant:
            counts = ((row.subordinated, row.num_subordinated), (row.dominant, row.num_dominant))
            shown = (f"{count:,.4g} of {n:,}" for count, n in counts)
            table.add_row(row.group, _interval(row.value, row.low, row.high), *shown)
    return table


def _medians(audit: TextAudit) -> Table:
    table = _grid("group", "median", "names", "curve")
    for group, ratio in audit.medians.items():
        table.add_row(
            group, _interval(ratio.value, ratio.low, ratio.high), f"{ratio.num_names:,}", _curve(ratio)
        )
    return table


def _curve(ratio: MedianRatio) -> str:
    values = {t: value for t, value, _ in ratio.curve}
    return sparkline([values.get(t) for t in CURVE])


def _interval(value: float, low: float | None, high: float | None) -> str:
    """Return "0.98 [0.85,1.11]"; a bound that there is none of is a dash."""
    return f"{_digits(value)} [{_digits(low)},{_digits(high)}]"


def _digits(value: float | None) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
        if value < 100
        else f"{value:.0f}"
        if value < 1000
        else ">999"
    )
