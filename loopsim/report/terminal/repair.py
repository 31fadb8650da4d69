"""What is damaged in a run and will be done again, and what was deleted."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from loopsim.core.units import readable_bytes
from loopsim.report.safe_text import safe
from loopsim.report.terminal.runs import command
from loopsim.runs.retention import Freed
from loopsim.runs.verify import Repair


def print_repair(console: Console, directory: Path, found: Repair) -> None:
    """Print what is damaged, and what would be done again."""
    if not found.problems:
        console.print("all sound: nothing to repair")
        return
    for problem in found.problems[:20]:
        console.print(safe(problem), soft_wrap=True)
    if len(found.problems) > 20:
        console.print(f"… and {len(found.problems) - 20} more")
    redo = ", ".join(f"g{g} {name}" for g, name in found.redo) or "nothing that is finished"
    what = f"will be done again by `{command('resume', directory)}`:"
    console.print(f"[bold]{safe(what)}[/bold] {safe(redo)}", soft_wrap=True)


def print_freed(console: Console, freed: Sequence[Freed]) -> None:
    """Print what was deleted, why, and how much it was."""
    for item in freed:
        console.print(f"{safe(item.name)}: {readable_bytes(item.num_bytes)}, {item.why}")
    console.print(f"freed {readable_bytes(sum(item.num_bytes for item in freed))} in {len(freed)} artifacts")
