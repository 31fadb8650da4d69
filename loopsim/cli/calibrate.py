"""`loopsim calibrate`: can the verdicts be trusted?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.options import Json, RunsDir, print_json, stop_tells

if TYPE_CHECKING:
    from loopsim.report.terminal.screen import Screen
    from loopsim.studies.calibration import Calibration
    from loopsim.studies.verdict_simulation import Found


def calibrate(
    loops: Annotated[
        int,
        typer.Option(
            min=0, help="Oracle loops of data metrics alone, without drift, and as many with a planted shift."
        ),
    ] = 40,
    model_loops: Annotated[
        int, typer.Option(min=0, help="Oracle loops of the tiny preset with all metrics.")
    ] = 30,
    simulated: Annotated[
        int,
        typer.Option(
            min=0, help="Loops of rows of numbers, for each noise and correlation, without and with a shift."
        ),
    ] = 100,
    name: Annotated[
        str, typer.Option(help="The folder in --runs-dir that holds the loops; the same again goes on.")
    ] = "calibration",
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Check the verdicts: how many are false where nothing drifts, how many planted shifts are found.

    Oracle loops are ordinary runs; simulated ones are numbers with a known noise, for the rates that few
    loops cannot tell.

    Example: loopsim calibrate --loops 0 --model-loops 0 --simulated 100
    """
    from dataclasses import asdict

    from loopsim.core.interrupt import Interrupt
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.runs.catalog import new_place
    from loopsim.studies.calibration import calibrate as run_controls
    from loopsim.studies.calibration import control_configs
    from loopsim.studies.verdict_simulation import found_as_json, scenarios, simulate

    with (
        stop_tells("go on with the same command"),
        Interrupt() as interrupt,
        bars() as shown,
    ):
        task = shown.add_task("loops", total=None)
        found = run_controls(
            new_place(runs_dir, name),
            control_configs(loops, model_loops),
            interrupt,
            lambda run, done, total: shown.update(task, description=run, completed=done, total=total),
        )
        known = []
        asked = list(scenarios()) if simulated else []
        for done, scenario in enumerate(asked):
            shown.update(task, description="simulated", completed=done, total=len(asked))
            known.append(simulate(scenario, simulated))
            interrupt.check()
    if json_:
        print_json(
            {
                "null": [asdict(row) | {"rate": row.rate} for row in found.null],
                "planted": [asdict(row) for row in found.planted],
                "simulated": [found_as_json(row) for row in known],
            }
        )
    else:
        _print_calibration(screen(), found)
        if known:
            _print_simulated(screen(), known)


def _print_calibration(console: "Screen", found: "Calibration") -> None:
    from rich.table import Table

    null, planted = (Table(box=None, pad_edge=False) for _ in range(2))
    null.add_column("nothing drifts")
    for name in ("loops", "verdicts", "false", "rate", "95 %", "generations", "with any"):
        null.add_column(name, justify="right")
    for row in found.null:
        counts = (row.num_loops, row.num_verdicts, row.num_false)
        null.add_row(
            row.rows, *map(str, counts), f"{row.rate:.1%}", f"{row.low:.1%}-{row.high:.1%}",
            str(row.num_generations), str(row.num_false_generations),
        )  # fmt: skip
    planted.add_column("planted shift")
    for name in ("loops", "sign found", "intervals", "cover the truth"):
        planted.add_column(name, justify="right")
    for shift in found.planted:
        shares = (_share(shift.num_found, shift.num_loops), _share(shift.num_covered, shift.num_intervals))
        planted.add_row(shift.rows, str(shift.num_loops), shares[0], str(shift.num_intervals), shares[1])
    for table in (null, planted):
        if table.row_count:
            console.print(table)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "n/a"


def _print_simulated(console: "Screen", found: "Sequence[Found]") -> None:
    from rich.table import Table

    from loopsim.studies.verdict_simulation import SHIFT

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in (
        "noise", "r", "false gens", "95 %", "trends", "line", "trend", "step", "trend", "covered",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for null, line, step in zip(found[::3], found[1::3], found[2::3], strict=True):
        s = null.scenario
        rate, low, high = null.false_rate
        table.add_row(
            f"{s.ratio:g}", f"{s.correlation:g}", f"{rate:.1%}", f"{low:.1%}-{high:.1%}",
            _share(null.false_trends, null.generations), f"{line.power:.0%}",
            _share(line.trends, line.shifted), f"{step.power:.0%}", _share(step.trends, step.shifted),
            f"{null.coverage:.1%}",
        )  # fmt: skip
    console.print(table)
    s = found[0].scenario
    console.print(
        f"simulated: {s.num_rows} rows, {s.num_baselines} baselines, {s.num_generations} generations. noise: "
        "the standard deviation of retraining, of the items' = 1; r: correlation of any two rows. Nothing "
        "moves: generations with any false verdict (trends: any false trend), intervals that cover. A tenth "
        f"of the rows moves by {SHIFT:g} standard deviations of a training, as a line or a step: found at "
        "the end, and its trend.",
        style="dim",
        soft_wrap=True,
    )
