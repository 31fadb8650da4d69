"""The `loopsim` command: its sub-commands, and the one place where errors become messages and exit codes."""

import errno
import sys
from collections.abc import Callable

import typer

from loopsim.cli import data
from loopsim.cli.audit import audit
from loopsim.cli.benchmark import benchmark
from loopsim.cli.doctor import doctor
from loopsim.cli.evaluate import evaluate
from loopsim.cli.fork import fork
from loopsim.cli.loops import resume, start
from loopsim.cli.plan import plan
from loopsim.cli.pretrain import pretrain
from loopsim.cli.repair import gc, repair, verify
from loopsim.cli.report import compare, report, runs, show
from loopsim.cli.studies import calibrate, sweep, torture
from loopsim.core.errors import LoopsimError, storage_error

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Loops": (start, resume, fork, plan),
    "Results": (report, runs, show, compare, evaluate),
    "Studies": (sweep, audit, calibrate),
    "Runs on disk": (verify, repair, gc),
    "This machine": (doctor, benchmark, torture, pretrain),
}
# What the file system may refuse anywhere, and the user can mend.
MENDABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)

app = typer.Typer(
    help=(
        "Does social bias grow, shrink or stay when tomorrow's models train on images that today's models "
        "made?"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for title, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=title)(command)
app.add_typer(data.app, name="data", rich_help_panel="This machine")


def main() -> None:
    """Run the command line; a LoopsimError becomes its message on stderr and its exit code."""
    try:
        app()
    except LoopsimError as error:
        _stop(error)
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        _stop(storage_error(error, error.filename or "the run's directory", "RUN"))


def _stop(error: LoopsimError) -> None:
    from rich.console import Console
    from rich.markup import escape

    message = f"[bold red]loopsim:[/bold red] {escape(str(error))}"
    Console(stderr=True).print(message, soft_wrap=True, highlight=False)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
