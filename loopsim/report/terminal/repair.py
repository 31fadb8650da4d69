"""What is damaged in a run and will be done again, and what is or was freed."""

from collections.abc import Sequence
from pathlib import Path

from loopsim.core.text import printable
from loopsim.core.units import readable_bytes
from loopsim.report.terminal.runs import command
from loopsim.report.terminal.screen import Screen, marked
from loopsim.runs.retention import Freed
from loopsim.runs.verify import Repair


def print_repair(console: Screen, directory: Path, found: Repair) -> None:
    """Print what is damaged, and what would be done again."""
    if not found.problems:
        console.print("all sound: nothing to repair")
        return
    for problem in found.problems[:20]:
        console.print(printable(problem), soft_wrap=True)
    if len(found.problems) > 20:
        console.print(f"… and {len(found.problems) - 20} more")
    redo = ", ".join(f"g{g} {name}" for g, name in found.redo) or "nothing that is finished"
    what = f"will be done again by `{command('resume', directory)}`:"
    console.print(marked("[bold]{}[/bold] {}", what, redo), soft_wrap=True)


def print_garbage(console: Screen, garbage: Sequence[Freed], verb: str) -> None:
    """Print what a collection finds, why it may go, and how much it is; `verb` says whether it went."""
    for item in garbage:
        console.print(f"{printable(item.name)}: {readable_bytes(item.num_bytes)}, {item.why}")
    console.print(
        f"{verb} {readable_bytes(sum(item.num_bytes for item in garbage))} in {len(garbage)} artifacts"
    )
