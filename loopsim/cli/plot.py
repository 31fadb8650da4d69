"""`loopsim plot`: drift curves for a paper."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from loopsim.cli.completion import metric_names, run_names
from loopsim.cli.options import RunsDir


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]…",
            autocompletion=run_names,
            help="Runs by name or path (default: the latest one), or a folder of runs; seeds of one setting "
            "are one line.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="A metric, or what its name begins with; may be repeated.", autocompletion=metric_names
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Only these groups, such as 'gender gap' or gender=woman; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The figure: a .pdf, .svg or .png file.")
    ] = None,
    width: Annotated[
        Literal["column", "page"], typer.Option(help="85 mm, or 175 mm with three panels across.")
    ] = "column",
    latex: Annotated[
        bool, typer.Option("--latex", help="Print the same numbers as a table for LaTeX.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Draw how metrics drift over the generations, with intervals, as a figure for a paper.

    Example: loopsim plot pocket --metric recall@1 --metric gender_error -o drift.pdf
    """

    from loopsim.core.errors import ConfigError
    from loopsim.report.curves import panels_of
    from loopsim.report.forest_plot import require_plots
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_runs

    if not metric:
        raise ConfigError("say what to draw with --metric, such as --metric recall@1; it may be repeated")
    if output is None and not latex:
        raise ConfigError("say where to with -o, such as -o drift.pdf, or ask for --latex")
    if output is not None:
        require_plots(output, "-o")
    panels = panels_of(find_runs(runs_dir, runs or [None]), metric, group or ())
    if output is not None:
        from loopsim.report.drift_plot import save_plot

        save_plot(panels, output, width)
        told = "a panel" if len(panels) == 1 else f"{len(panels)} panels"
        screen(stderr=latex).print(f"{told}: {output}", soft_wrap=True)
    if latex:
        from loopsim.report.latex import latex_table

        screen().print(latex_table(panels), soft_wrap=True, end="")
