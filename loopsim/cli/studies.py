"""`loopsim sweep`, `calibrate` and `torture`: many loops as one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.options import (
    ConfigName,
    Json,
    LogJson,
    Overrides,
    RunsDir,
    asked_config,
    logged,
    print_json,
    stop_tells,
)

if TYPE_CHECKING:
    pass


def sweep(
    config: ConfigName = "pocket",
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=[V,V]", help="An axis: 'seed=[0,1,2]', 'compose.alpha=[0.2,0.5]'; repeat."),
    ] = None,
    name: Annotated[
        str,
        typer.Option(help="The folder in --runs-dir that holds the sweep's runs; the same again goes on."),
    ] = "sweep",
    set_: Overrides = None,
    log_json: LogJson = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Run a grid of loops (seeds × α × policy …), and report each setting's drift over its seeds.

    The loops are ordinary runs; what is finished is not done again.

    Example: loopsim sweep tiny --grid 'seed=[0,1,2]' --grid 'compose.alpha=[0.2,0.8]'
    """
    from loopsim.core.events import to_all
    from loopsim.core.interrupt import Interrupt
    from loopsim.report.seeds import drift_rows, seeds_as_json
    from loopsim.report.summary import summarize
    from loopsim.report.terminal.live import LiveProgress
    from loopsim.report.terminal.screen import screen
    from loopsim.report.terminal.seeds import print_seeds
    from loopsim.runs.catalog import new_place
    from loopsim.studies.sweep import by_setting, cells_of, parse_axis, run_sweep

    axes = dict(parse_axis(axis) for axis in grid or ["seed=[0, 1, 2]"])
    cells, folder = cells_of(config, axes, set_ or []), new_place(runs_dir, name)
    notes = screen(stderr=True)
    with (
        stop_tells("go on with the same command"),
        logged(log_json) as log,
        LiveProgress(notes, brief=True) as live,
        Interrupt() as interrupt,
    ):
        run_sweep(
            folder,
            cells,
            interrupt,
            to_all(live, log),
            lambda cell: notes.print(f"{folder / cell.name}: finished", soft_wrap=True),
        )
    settings = [
        (setting, drift_rows([summarize(folder / cell.name) for cell in mine]))
        for setting, mine in by_setting(cells)
    ]
    if json_:
        print_json(seeds_as_json(settings))
        return
    for setting, rows in settings:
        title = ", ".join(f"{key} = {value}" for key, value in setting.items()) or config
        print_seeds(screen(), title, rows)


def torture(
    config: ConfigName = "tiny",
    kills: Annotated[int, typer.Option(min=1, help="How many processes are killed in all.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the random instants.")] = 0,
    set_: Overrides = None,
    name: Annotated[
        str,
        typer.Option(help="The folder in --runs-dir for the loops; one of an earlier test is emptied first."),
    ] = "torture",
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Kill loops at random instants, resume them, and compare their digests with an undisturbed one's.

    Example: loopsim torture tiny
    """
    asked = asked_config(config, set_)

    from collections import Counter

    from rich.table import Table

    from loopsim.core.errors import CorruptRun
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import new_place
    from loopsim.studies.crash_test import crash_test

    notes = screen(stderr=True)
    found = crash_test(new_place(runs_dir, name), asked, kills, seed, notes.print)
    console = screen()
    title = f"{found.num_kills} kills of {config}"
    table = Table("killed in", "times", box=None, title=title, title_justify="left")
    for place, count in sorted(Counter(place for r in found.rounds for place in r.kills).items()):
        table.add_row(place, str(count))
    console.print(table)
    console.print(
        f"{len(found.rounds)} loops, {found.num_kills} kills, {found.num_different} different digests "
        f"(undisturbed: {found.digest})"
    )
    if found.num_different:
        raise CorruptRun(
            f"{found.num_different} of {len(found.rounds)} loops ended with another digest; please report it "
            "with this table"
        )
