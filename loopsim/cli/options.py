"""What several commands share: their options, JSON on standard output, the log of events, and how a stop is
told.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loopsim.cli.completion import config_names, run_names
from loopsim.core.text import printable, spelled

if TYPE_CHECKING:
    from loopsim.config import Config
    from loopsim.core.events import Listener
    from loopsim.report.terminal.screen import Screen


def _folder(runs_dir: Path) -> Path:
    from loopsim.runs.catalog import require_folder

    require_folder(runs_dir)
    return runs_dir


RunsDir = Annotated[
    Path, typer.Option("--runs-dir", callback=_folder, help="The folder that holds the runs.")
]
RunName = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="A run's name or path; by default the latest one.", autocompletion=run_names
    ),
]
ConfigName = Annotated[
    str, typer.Argument(help="A TOML file, or a preset: pocket, tiny.", autocompletion=config_names)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override any value: --set finetune.num_steps=200"),
]
# How far along a direction of the latents an ω leads.
UnitOption = Annotated[
    Literal["sd", "norm"],
    typer.Option(help="Of ω: standard deviations along the direction, or a share of the noise's length."),
]
Json = Annotated[bool, typer.Option("--json", help="Print every value as JSON.")]
LogJson = Annotated[
    Path | None,
    typer.Option("--log-json", metavar="FILE", help="Append every event to a file, a line of JSON each."),
]


def print_json(document: object) -> None:
    """Print a document as JSON."""
    json.dump(document, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def print_tabbed(rows: Iterable[Sequence[str]]) -> None:
    """Print rows with tabs between their cells, as another command reads them."""
    for row in rows:
        line = "\t".join(map(printable, row))
        sys.stdout.write(f"{spelled(line, sys.stdout.encoding)}\n")


def logged(path: Path | None) -> "AbstractContextManager[Listener]":
    """Return what gives the listener for --log-json. Raises ConfigError if the file cannot be written."""
    from loopsim.report.json_lines import logging_to
    from loopsim.report.terminal.screen import screen

    notes = screen(stderr=True)
    return logging_to(path, lambda text: notes.print(text, style="yellow"))


def asked_config(source: str, overrides: list[str] | None = None) -> "Config":
    """Return the config that a command names, its choices checked. Raises ConfigError.

    What needs no model is found wrong before the libraries of models are imported.
    """
    from loopsim.config import load_config
    from loopsim.config.names import check_names

    config = load_config(source, overrides or [])
    check_names(config)

    from loopsim.runs.resolve import checked

    return checked(config)


def leave_page(console: "Screen", directory: Path) -> None:
    """Write a run's page into its folder and say where it is; what was measured does not fail by it."""
    from loopsim.core.errors import LoopsimError
    from loopsim.core.run_folder import PAGE
    from loopsim.report.page.write import write_page

    path = directory / PAGE
    try:
        write_page([directory], path, option="the page")
    except LoopsimError as error:
        console.print(str(error), style="yellow")
    else:
        console.print(f"\nThe page: {path}", soft_wrap=True)


@contextmanager
def stop_tells(go_on: str) -> Iterator[None]:
    """Add to the message of a stop by a signal how to go on."""
    from loopsim.core.errors import Interrupted

    try:
        yield
    except Interrupted as stop:
        raise Interrupted(f"{stop}\n{go_on}", stop.exit_code) from stop
