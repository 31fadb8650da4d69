"""What `loopsim plan` shows: the cost of a loop by generation and phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@final
@dataclass(frozen=True)
class PlanRow:
    """One phase, over one generation or all of them: images, training steps, FLOPs, hours, bytes."""

    generation: str
    phase: str
    num_images: int
    num_steps: int
    flops: float
    hours: float
    disk: float


def print_plan(console: Console, title: str, rows: Sequence[PlanRow], notes: Sequence[str]) -> None:
    """Print the table of costs, its total, and the notes."""
    table = Table(title=escape(title), title_justify="left", box=None)
    for column in ("generation", "phase", "images", "steps", "PFLOP", "hours", "disk"):
        table.add_column(column, justify="left" if column in ("generation", "phase") else "right")
    for row in rows:
        images = f"{row.num_images:,}" if row.num_images else ""
        steps = f"{row.num_steps:,}" if row.num_steps else ""
        table.add_row(row.generation, row.phase, images, steps, _short(row.flops / 1e15), _short(row.hours), size(row.disk))
    console.print(table)
    for note in notes:
        console.print(escape(note), highlight=False, soft_wrap=True)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.3f}"


def size(num_bytes: float) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"


def plan_as_json(title: str, rows: Sequence[PlanRow], notes: Sequence[str]) -> dict[str, Any]:
    """Return the plan as a JSON document."""
    return {"plan": title, "rows": [vars(row) for row in rows], "notes": list(notes)}
