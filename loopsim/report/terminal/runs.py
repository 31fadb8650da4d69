"""Runs: the list of them, and what may be done with one next."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from loopsim.core.text import printable
from loopsim.report.terminal.screen import Screen, marked
from loopsim.runs.catalog import RunState


def print_runs(console: Screen, states: Sequence[RunState], runs_dir: Path) -> None:
    """Print a line for each run of a folder: its state, how far it is, and when it last changed."""
    if not states:
        console.print(f"no runs in {printable(str(runs_dir))}; begin one with: loopsim start")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("run", "generations", "state", "samples", "changed"):
        table.add_column(name, justify="right" if name == "samples" else "left", no_wrap=name != "state")
    for state in states:
        stands = marked("[green]finished[/green]")
        if not state.finished:
            stands = marked("[yellow]next: {}[/yellow]", state.next_phase)
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.changed_at))
        progress = f"{max(state.finished_generations - 1, 0)} of {state.planned_generations}"
        table.add_row(printable(state.name), progress, stands, str(state.num_samples), changed)
    console.print(table)
    for state in states:
        if state.note or state.tags:
            tags = "".join(f" [{tag}]" for tag in state.tags)
            console.print(printable(f"{state.name}:{tags} {state.note}".rstrip()), style="dim")


def print_next_steps(console: Screen, directory: Path, generations: int) -> None:
    """Print the commands that a finished loop leads to."""
    sheet = [command("show", directory, "-g 1 -o sheet.png")] if generations else []
    console.print("\nNext:")
    for line in (
        command("report", directory, "--json"),
        *sheet,
        command("verify", directory),
        command("resume", directory, f"--generations {generations + 2}"),
    ):
        console.print(f"  {line}", soft_wrap=True)


def command(name: str, directory: Path, options: str = "") -> str:
    """Return what to type in a shell to do something with a run."""
    run, parent = shlex.quote(directory.name), shlex.quote(str(directory.parent))
    where = "" if directory.parent == Path("runs") else f"--runs-dir {parent}"
    return " ".join(word for word in ("loopsim", name, run, where, options) if word)
