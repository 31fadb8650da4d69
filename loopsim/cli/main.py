"""The `loopsim` command: its sub-commands, and the one place where errors become messages and exit codes."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from loopsim.cli import data, study
from loopsim.cli.audit import audit
from loopsim.cli.audit_text import audit_text
from loopsim.cli.benchmark import benchmark
from loopsim.cli.calibrate import calibrate
from loopsim.cli.classifier import classifier
from loopsim.cli.directions import directions
from loopsim.cli.doctor import doctor
from loopsim.cli.evaluate import evaluate
from loopsim.cli.export import export
from loopsim.cli.fork import fork
from loopsim.cli.housekeeping import delete, note, rename
from loopsim.cli.init import init
from loopsim.cli.loops import resume, start
from loopsim.cli.plan import plan
from loopsim.cli.plot import plot
from loopsim.cli.pretrain import pretrain
from loopsim.cli.repair import gc, repair, verify
from loopsim.cli.report import compare, report, runs, show
from loopsim.cli.studies import sweep, torture
from loopsim.cli.view import view
from loopsim.cli.watermark import watermark
from loopsim.core.errors import LoopsimError, refused

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Loops": (init, start, resume, fork, plan),
    "Results": (report, view, runs, show, compare, evaluate, classifier, plot, export),
    "Studies": (sweep, audit, audit_text, directions, watermark, calibrate),
    "Runs on disk": (note, rename, delete, verify, repair, gc),
    "This machine": (doctor, benchmark, torture, pretrain),
}
# What the parser of arguments raises; typer exports only one of its kinds.
USAGE: Any = typer.BadParameter.__bases__[0]


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        from loopsim.report.terminal.screen import screen

        screen().print(f"loopsim {version('loopsim')}")
        raise typer.Exit


app = typer.Typer(
    help=(
        "Does social bias grow, shrink or stay when tomorrow's models train on images that today's models "
        "made?"
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback()
def _before(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version.")
    ] = False,
) -> None:
    """What may stand before a command."""


for title, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=title)(command)
app.add_typer(study.app, name="study", rich_help_panel="Studies")
app.add_typer(data.app, name="data", rich_help_panel="This machine")


def main() -> None:
    """Run the command line; a LoopsimError becomes its message on stderr and its exit code."""
    from loopsim.report.terminal.screen import guard_streams

    guard_streams()
    try:
        sys.exit(app(prog_name="loopsim", standalone_mode=False))
    except typer.Abort:
        _stop("stopped: nothing was answered", 1)
    except LoopsimError as error:
        _stop(str(error), error.exit_code)
    except OSError as error:
        told = refused(error)
        if told is None:
            raise
        _stop(str(told), told.exit_code)
    except USAGE as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help itself
            error.show()
            sys.exit(error.exit_code)
        place = error.ctx.command_path if error.ctx is not None else "loopsim"
        _stop(f"{error.format_message()} See `{place} --help`.", error.exit_code)


def _stop(message: str, exit_code: int) -> None:
    """Print a message and end. What follows its first line is indented, so that no name with a newline in it
    passes for a message of ours.
    """
    from loopsim.report.terminal.screen import marked, screen

    first, *more = message.split("\n")
    console = screen(stderr=True)
    console.print(marked("[bold red]loopsim:[/bold red] {}", first), soft_wrap=True)
    for line in more:
        console.print(f"  {line}", soft_wrap=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
