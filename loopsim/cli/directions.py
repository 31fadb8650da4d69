"""`loopsim directions`: which way in a generator's noise leads from one group to another."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.audit import asked_source
from loopsim.cli.options import Json, Overrides, RunsDir, UnitOption, print_json


def directions(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|MODEL",
            help="A run's name, a diffusers folder or a hub id; default: the generator that the config "
            "starts from.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A config whose picture size, steps and guidance are used; a run has its own.",
        ),
    ] = None,
    set_: Overrides = None,
    generation: Annotated[
        int | None, typer.Option("-g", "--generation", help="Of a run: SD_g; default: its last one.")
    ] = None,
    attribute: Annotated[str | None, typer.Option(help="gender (the default) or skin_tone.")] = None,
    away: Annotated[
        str | None, typer.Option(metavar="PROMPT", help="The side that ω > 0 leads from.")
    ] = None,
    toward: Annotated[
        str | None, typer.Option(metavar="PROMPT", help="The side that ω > 0 leads to.")
    ] = None,
    num_pictures: Annotated[
        int, typer.Option("-n", "--num-pictures", min=2, help="Pictures of each side, from the same noises.")
    ] = 50,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The safetensors file; by default directions-<attribute>.safetensors."
        ),
    ] = None,
    strip: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw a strip of pictures over ω, too.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Rows of the strip.")] = 6,
    omegas: Annotated[
        str, typer.Option(metavar="ω,ω,…", help="What the strip and the response show.")
    ] = "-10,-5,-2,0,2,5,10",
    unit: UnitOption = "sd",
    prompt: Annotated[
        str, typer.Option(help="The open prompt of the strip and the response.")
    ] = "a photo of a person",
    response: Annotated[
        int,
        typer.Option(
            min=0, help="Draw so many pictures for each ω, too, and a random direction, and label them."
        ),
    ] = 0,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Fit the directions in a generator's noise that lead from one group to another.

    For `loopsim audit --direction`, and for [[interventions]] kind = "latent_direction".

    Example: loopsim directions pocket -o directions.safetensors
    """
    from loopsim.core.errors import ConfigError
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.data.corpora import CORPORA
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.contact_sheet import save_sheet
    from loopsim.report.directions import FoundDirections, directions_as_json, draw_strip
    from loopsim.report.terminal.directions import print_directions
    from loopsim.report.terminal.screen import bars, screen
    from loopsim.studies.latent_directions import Movable, draw_rows, read_omegas, responses, save, sides_of

    silence_libraries()
    name, sides = sides_of(attribute, away, toward)
    shown = read_omegas(omegas)
    path = output or Path(f"directions-{name or 'prompts'}.safetensors")
    for option, file in (("-o", path), ("--strip", strip)):
        if file is not None and (file.is_dir() or not file.parent.is_dir()):
            problem = "is a folder" if file.is_dir() else f"there is no folder {file.parent}"
            raise ConfigError(f"{option} {file}: {problem}; name a file in a folder that exists")
    source = asked_source(model, config, generation, runs_dir, set_ or ())
    make_reproducible(source.config.num_threads)
    with bars() as progress:
        task = progress.add_task("fitting", total=None)
        movable = Movable.of(source)
        fitted = movable.fit(name, sides, num_pictures)
        save(fitted, path)
        if strip is not None:
            rows = draw_rows(movable, path, shown, unit, prompt, seeds)
            title = f"{source.title}: {prompt}; away from {sides[0]!r}, toward {sides[1]!r}"
            save_sheet(
                draw_strip(
                    rows, shown, unit, title, CORPORA.get(source.config.data.corpus).attribution or ""
                ),
                strip,
                "--strip",
            )
        drawn = []
        if response:
            progress.update(task, description="drawing")
            drawn = responses(
                movable,
                path,
                shown,
                unit,
                prompt,
                response,
                lambda done, total: progress.update(task, completed=done, total=total),
            )
    found = FoundDirections(source.title, fitted, unit, prompt, drawn)
    if json_:
        print_json(directions_as_json(found))
        return
    print_directions(screen(), found)
    for file in (path, strip):
        if file is not None:
            screen().print(f"written: {file}", soft_wrap=True)
