"""`loopsim study interventions`: what stops the drift, what it costs, and whom it harms."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import Json, RunsDir, print_json, stop_tells

app = typer.Typer(help="Whole loops compared, seed by seed.", no_args_is_help=True, add_completion=False)


@app.callback()
def _study() -> None:
    """Whole loops compared, seed by seed."""


@app.command()
def interventions(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY.toml", help="The arms, seeds and base: configs/study_interventions.toml."
        ),
    ],
    name: Annotated[
        str,
        typer.Option(help="The folder in --runs-dir that holds the study's runs; the same again goes on."),
    ] = "study",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Loops at once; default: as many as there are cores for their threads."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the forest plot: a .png, .svg or .pdf.")
    ] = None,
    details: Annotated[
        bool, typer.Option("--all", help="Every effect with its interval, outcome by outcome.")
    ] = False,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Run loops with each remedy and its control, from the same seeds, and compare them with none.

    The loops are ordinary runs; what is finished is not done again.

    Example: loopsim study interventions study_interventions.toml
    """
    from loopsim.core.interrupt import Interrupt
    from loopsim.report.forest_plot import require_plots, save_forest
    from loopsim.report.remedies import report_study
    from loopsim.report.terminal.remedies import print_study
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.runs.catalog import new_place
    from loopsim.studies.interventions import NOTHING, num_loops, read_study, run_study, runs_of

    if plot is not None:
        require_plots(plot, "--plot")
    asked, folder = read_study(study), new_place(runs_dir, name)
    with stop_tells("go on with the same command"), Interrupt() as interrupt, bars() as shown:
        task = shown.add_task("loops", total=num_loops(asked))

        def finished(run: str) -> None:
            shown.update(task, description=run, advance=1)
            if not shown.console.is_terminal:
                shown.console.print(f"{folder / run}: finished", soft_wrap=True)

        run_study(asked, folder, jobs, interrupt, finished)
    controls = {arm: of.control for arm, of in asked.all_arms().items()}
    found = report_study(runs_of(asked, folder), NOTHING, controls)
    title = f"{folder.name} ({asked.base})"
    if plot is not None:
        save_forest(found, title, plot)
    if json_:
        print_json(found.as_json())
    else:
        print_study(screen(), found, title, details=details)
