"""Latent directions: held-out accuracy by step, and what pictures do as ω grows."""

from rich.table import Table

from loopsim.core.text import printable
from loopsim.report.directions import FoundDirections, Interval
from loopsim.report.terminal.audit import SHOWN
from loopsim.report.terminal.screen import Screen, marked


def print_directions(console: Screen, found: FoundDirections) -> None:
    """Print a line for each step, and for each ω if pictures were drawn."""
    about = found.directions.about
    console.print(
        marked(
            "directions of [bold]{}[/bold]\nfrom {}\nto   {}\n{} pictures of each, from the same noises; "
            "guidance {}",
            found.title,
            repr(about.away),
            repr(about.toward),
            about.num_pictures,
            f"{about.guidance:g}",
        )
    )
    table = _table("step", "of the way", "held-out accuracy", "n", "")
    for row in found.accuracies:
        note = "recommended" if row.step == about.recommended else ""
        table.add_row(str(row.step), f"{row.way:.0%}", _percent(row.accuracy), str(row.n), note)
    console.print(table)
    if found.responses:
        console.print(marked("\nresponse of {} to ω, in {}", repr(found.prompt), found.unit))
        _print_responses(console, found)


def _print_responses(console: Screen, found: FoundDirections) -> None:
    shown = {name: SHOWN[name] for name in found.responses[0].answers if name in SHOWN}
    with_fidelity = found.responses[0].fidelity is not None
    table = _table("along", "ω", *(title for title, _ in shown.values()), *(["as stated"] * with_fidelity))
    for row in found.responses:
        shares = [_percent(row.answers[name].shares.get(value)) for name, (_, value) in shown.items()]
        kept = [] if row.fidelity is None else [_percent(row.fidelity)]
        table.add_row("random" if row.control else "direction", f"{row.omega:+g}", *shares, *kept)
    console.print(table)
    own = found.directions.about.attribute
    if own in shown:
        title, value = shown[own]
        monotone = found.is_monotone(own, value)
        if monotone is not None:
            console.print(
                f"→ The share of {title} {'never falls' if monotone else 'falls somewhere'} as ω grows."
            )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(printable(name), justify="left" if name in ("", "along") else "right", no_wrap=True)
    return table


def _percent(share: Interval | None) -> str:
    if share is None:
        return "nobody"
    value, low, high = share
    return f"{value:.0%} [{low:.0%}, {high:.0%}]"
