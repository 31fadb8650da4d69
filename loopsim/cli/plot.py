"""`loopsim plot`: drift curves for papers."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.completion import metric_names
from loopsim.cli.options import RunsDir


class Width(StrEnum):
    """The width of a figure."""

    COLUMN = "column"
    PAGE = "page"


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]…", help="Runs, or a folder of runs as a sweep makes one; default: the latest."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="recall@1, or one group's: 'recall@1:gender gap'; again for more panels.",
            autocompletion=metric_names,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .pdf, .svg or .png.")] = None,
    width: Annotated[Width, typer.Option(help="3.35 or 6.9 inches.")] = Width.COLUMN,
    latex: Annotated[bool, typer.Option("--latex", help="Print the numbers as a LaTeX table.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Draw how metrics drift, with intervals, as a vector picture, or as a table for LaTeX.

    Example: loopsim plot pocket --metric recall@1 --metric cider_d -o drift.pdf
    """
    from loopsim.core.errors import ConfigError
    from loopsim.report.drift_plot import latex_table, rows_named, save_plot
    from loopsim.report.page.contents import read_contents
    from loopsim.report.page.series import series_of
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_runs

    if not metric or (output is None and not latex):
        raise ConfigError("say what and where to: --metric NAME, and -o FILE or --latex")
    found = find_runs(runs_dir, runs or [None])
    series = series_of([read_contents(directory, pictures=False) for directory in found])
    pairs = rows_named(series, metric)
    if output is not None:
        save_plot(series, pairs, output, width.value)
        screen().print(f"the plot: {output}", soft_wrap=True)
    if latex:
        typer.echo(latex_table(series, pairs), nl=False)
