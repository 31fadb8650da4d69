"""What a loop will cost: by generation and phase on a device, and by phase on this machine."""

from collections.abc import Sequence

from rich.table import Table

from loopsim.context.phase_names import all_phases, base_name
from loopsim.core.text import printable
from loopsim.core.units import readable_bytes, readable_time
from loopsim.costs.measured import Cost
from loopsim.costs.plan import PlanRow
from loopsim.report.terminal.screen import Screen


def print_plan(console: Screen, title: str, rows: Sequence[PlanRow], notes: Sequence[str]) -> None:
    """Print the table of costs, its total, and the notes."""
    table = Table(title=printable(title), title_justify="left", box=None)
    for column in ("generation", "phase", "images", "steps", "PFLOP", "time", "disk"):
        table.add_column(column, justify="left" if column in ("generation", "phase") else "right")
    for row in rows:
        images = f"{row.num_images:,}" if row.num_images else ""
        steps = f"{row.num_steps:,}" if row.num_steps else ""
        numbers = (_short(row.flops / 1e15), readable_time(3600 * row.hours), readable_bytes(row.disk))
        table.add_row(row.generation, row.phase, images, steps, *numbers)
    console.print(table)
    for note in notes:
        console.print(printable(note), soft_wrap=True)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def print_budget(
    console: Screen, name: str, costs: Sequence[Cost], generations: int, num_replicates: int
) -> None:
    """Print what a generation of the config `name` will take here, as measured, and the whole loop."""
    table = Table(title=printable(f"what {name} will cost here"), title_justify="left", box=None)
    for column in ("phase", "work a generation", "seconds", "share"):
        table.add_column(column, justify="right" if column in ("seconds", "share") else "left")
    total = sum(cost.seconds for cost in costs)
    for cost in costs:
        table.add_row(cost.phase, cost.work, f"{cost.seconds:.1f}", f"{cost.seconds / total:.0%}")
    console.print(table)
    seconds = {cost.phase: cost.seconds for cost in costs}
    whole = sum(seconds.get(base_name(phase), 0.0) for _, phase in all_phases(generations, num_replicates))
    console.print(
        f"baseline with its replicates, and {generations} generations: about {whole / 60:.1f} minutes"
    )
