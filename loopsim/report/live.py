"""Shows a loop while it runs: bars in a terminal, plain lines through a pipe."""

from collections.abc import Mapping
from typing import Any, Self, final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from loopsim.context.phase import Progress


@final
class LiveProgress(Progress):
    """One bar for the whole loop and one for the phase under way with its estimate; a line for each finished
    phase with what it found.
    """

    def __init__(self, console: Console, num_phases: int) -> None:
        self.console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._loop = self._bars.add_task("loop", total=num_phases, note="")
        self._phase = self._bars.add_task("", total=None, note="", visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def already_finished(self, phases: int) -> None:
        """Count phases that an earlier attempt finished."""
        self._bars.update(self._loop, completed=phases)

    def phase_started(self, generation: int, phase: str) -> None:
        self._bars.update(self._loop, description=f"generation {generation}")
        self._bars.reset(self._phase, description=f"  {phase}", total=None, note="", visible=True)

    def advanced(self, done: int, total: int, note: str = "") -> None:
        self._bars.update(self._phase, completed=done, total=total, note=note)

    def phase_finished(self, generation: int, phase: str, facts: Mapping[str, Any], seconds: float) -> None:
        self._bars.advance(self._loop)
        told = ", ".join(
            f"{name.removeprefix('num_').replace('_', ' ')} {_short(value)}"
            for name, value in facts.items()
            if name != "seal"
        )
        self.console.print(
            f"[dim]g{generation}[/dim] {phase:<16} {seconds:6.1f} s  [dim]{told}[/dim]", highlight=False
        )


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
