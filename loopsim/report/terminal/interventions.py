"""What interventions did: a table of their facts, generation by generation."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from loopsim.core.events import Fact
from loopsim.core.text import printable
from loopsim.report.interventions import InterventionReport
from loopsim.report.terminal.screen import Screen

Facts = Mapping[str, Mapping[int, Fact]]
SHOWN = 6  # generations that fit beside the names: the latest ones


def print_interventions(console: Screen, found: Sequence[InterventionReport]) -> None:
    """Print what acts, when and how, and what it told of each generation's data."""
    if not found:
        return
    generations = sorted({g for one in found for values in one.facts.values() for g in values})[-SHOWN:]
    table = Table(title="Interventions", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for generation in generations:
        table.add_column(f"S{generation}", justify="right")
    for one in found:
        table.add_row(printable(f"{one.label}, {_when(one)}"))
        for fact, values in one.facts.items():
            if _is_bound(one.facts, fact):  # stands below what it is about
                continue
            numbers = [_number(values[g]) if g in values else "" for g in generations]
            table.add_row(f"  {printable(fact.replace('_', ' '))}", *numbers)
            if bounds := _bounds(one.facts, fact):
                table.add_row(
                    "    95 %", *(_interval(*(bound.get(g) for bound in bounds)) for g in generations)
                )
    console.print(table)
    for one in found:
        told = ", ".join(f"{key} = {value}" for key, value in (one.settings or {}).items())
        console.print(printable(f"{one.label}: {told or 'default settings'}"), style="dim")


def _bounds(facts: Facts, fact: str) -> tuple[Mapping[int, Fact], Mapping[int, Fact]] | None:
    """Return the ends of a fact's interval by generation, if it has one: "x low" and "x high" are those of
    "x".
    """
    low, high = facts.get(f"{fact} low"), facts.get(f"{fact} high")
    return None if low is None or high is None else (low, high)


def _is_bound(facts: Facts, fact: str) -> bool:
    name, _, end = fact.rpartition(" ")
    return end in ("low", "high") and name in facts


def _interval(low: Fact, high: Fact) -> str:
    if isinstance(low, float) and isinstance(high, float):
        return f"{low:.2f}, {high:.2f}"
    return ""


def _when(one: InterventionReport) -> str:
    if one.settings is None:
        return "before the fork"
    if one.last is None:
        return "in every generation" if one.first == 1 else f"from generation {one.first} on"
    return f"in generations {one.first} to {one.last}"


def _number(value: Fact) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "n/a" if value is None else printable(str(value))
