"""`loopsim classifier`: how well the pinned classifier tells groups apart."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.completion import run_names
from loopsim.cli.options import Json, Overrides, RunsDir, asked_config, print_json

if TYPE_CHECKING:
    from loopsim.config import Config


def classifier(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|CONFIG",
            autocompletion=run_names,
            help="A run's name or path, or a TOML file or preset; by default the latest run.",
        ),
    ] = None,
    set_: Overrides = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show how often the pinned classifier is right, group by group.

    Every share of generated pictures rests on it. Its counts on labelled pictures correct those shares, and
    their error is part of the corrected shares' intervals.

    Example: loopsim classifier own.toml --set classifier.calibration=faces
    """
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.classifier import card_as_json
    from loopsim.report.terminal.classifier import print_card
    from loopsim.report.terminal.screen import screen
    from loopsim.studies.classifier_card import classifier_card

    silence_libraries()
    found, title = _source(source, set_, runs_dir)
    make_reproducible(None)
    card = classifier_card(found, title, runs_dir)
    if json_:
        print_json(card_as_json(card))
    else:
        print_card(screen(), card)


def _source(source: str | None, overrides: list[str] | None, runs_dir: Path) -> "tuple[Path | Config, str]":
    from loopsim.core.errors import ConfigError
    from loopsim.runs.catalog import find_run, is_run, place_of

    if source is None or is_run(place_of(runs_dir, source)):
        directory = find_run(runs_dir, source)
        if overrides:
            raise ConfigError(f"--set: the run {directory.name} has its own config; name a TOML file")
        return directory, directory.name
    return asked_config(source, overrides), source
