"""`loopsim watermark`: what is left of a run's watermarks, and what is found where there is none."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import Json, RunName, RunsDir, print_json


def watermark(
    run: RunName = None,
    generation: Annotated[
        int | None,
        typer.Option("-g", "--generation", min=1, help="Read the marks of S_g; default: the last one."),
    ] = None,
    attacks: Annotated[
        list[str] | None,
        typer.Option(
            "--attack",
            metavar="NAME:STRENGTH",
            help="What happened to pictures before they are read: jpeg:75, noise:0.05, blur:1, resize:0.5, "
            "crop:0.5, zoom:0.8; again for more. Default: all of these.",
        ),
    ] = None,
    unmarked: Annotated[
        int, typer.Option(min=0, help="Draw so many pictures without a mark, and read those, too.")
    ] = 200,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps backwards; default: as many as drew the pictures.")
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Read the watermarks of a run's pictures, as they are and after attacks, and what passes for one.

    Of runs with [[interventions]] kind = "watermark".

    Example: loopsim watermark pocket -g 2
    """
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.data.attacks import read_attack
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.report.terminal.watermark import print_watermark
    from loopsim.report.watermark import watermark_as_json
    from loopsim.runs.catalog import find_run
    from loopsim.studies.watermark import USUAL_ATTACKS, marks_of, read_watermarks

    silence_libraries()
    chosen = [read_attack(text) for text in attacks or USUAL_ATTACKS]
    marks = marks_of(find_run(runs_dir, run), generation)
    make_reproducible(marks.source.config.num_threads)
    with bars() as shown:
        task = shown.add_task("reading", total=None)
        found = read_watermarks(
            marks,
            chosen,
            num_unmarked=unmarked,
            num_steps=steps,
            advanced=lambda num: shown.advance(task, num),
        )
    if json_:
        print_json(watermark_as_json(found))
    else:
        print_watermark(screen(), found)
