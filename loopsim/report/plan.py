"""What `loopsim plan` shows: the cost of a loop by generation and phase."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loopsim.core.units import readable_bytes
from loopsim.costs.plan import PlanRow


def print_plan(console: Console, title: str, rows: Sequence[PlanRow], notes: Sequence[str]) -> None:
    """Print the table of costs, its total, and the notes."""
    table = Table(title=escape(title), title_justify="left", box=None)
    for column in ("generation", "phase", "images", "steps", "PFLOP", "hours", "disk"):
        table.add_column(column, justify="left" if column in ("generation", "phase") else "right")
    for row in rows:
        images = f"{row.num_images:,}" if row.num_images else ""
        steps = f"{row.num_steps:,}" if row.num_steps else ""
        table.add_row(
            row.generation,
            row.phase,
            images,
            steps,
            _short(row.flops / 1e15),
            _short(row.hours),
            readable_bytes(row.disk),
        )
    console.print(table)
    for note in notes:
        console.print(escape(note), highlight=False, soft_wrap=True)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.3f}"


def plan_as_json(title: str, rows: Sequence[PlanRow], notes: Sequence[str]) -> dict[str, Any]:
    """Return the plan as a JSON document."""
    return {"plan": title, "rows": [vars(row) for row in rows], "notes": list(notes)}
