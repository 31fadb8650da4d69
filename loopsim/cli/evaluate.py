"""`loopsim evaluate`: measuring more of a run that is there already."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import LogJson, RunName, RunsDir, leave_page, logged, stop_tells


def evaluate(
    run: RunName = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A measure to add, for example lic or meteor; may be repeated.")
    ] = None,
    lic_encoder: Annotated[
        str | None, typer.Option(help="The transformer of lic_transformer: a folder or hub id.")
    ] = None,
    log_json: LogJson = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Add a metric to a run, over all its generations, without training anything again.

    Example: loopsim evaluate pocket --metric lic
    """
    from loopsim.config.names import MEASURES
    from loopsim.core.errors import ConfigError

    if not metric:
        raise ConfigError(f"name a --metric: {', '.join(MEASURES.names)}")
    MEASURES.require(metric, "--metric")

    from loopsim.report.summary import summarize
    from loopsim.report.terminal.drift import print_report
    from loopsim.report.terminal.screen import marked, screen
    from loopsim.runs.catalog import find_run
    from loopsim.studies.add_metrics import add_metrics

    directory, console = find_run(runs_dir, run), screen()
    names = ", ".join(metric)
    with (
        stop_tells("go on with the same command"),
        logged(log_json) as log,
        console.status(marked("measuring {}", names), spinner="line"),
    ):
        count, found = add_metrics(directory, metric, lic_encoder, log)
    console.print(f"{names}: measured in {count} generation{'' if count == 1 else 's'}")
    print_report(console, summarize(directory, found), everything=True)
    leave_page(console, directory)
