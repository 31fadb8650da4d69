"""The `loopsim` command: its sub-commands, and the one place where errors become messages and exit codes."""

import errno
import sys

import typer
from rich.console import Console
from rich.markup import escape

from loopsim.cli import data
from loopsim.cli.inspect import report, runs, show, verify
from loopsim.cli.loops import resume, start
from loopsim.cli.machine import doctor, pretrain
from loopsim.cli.measure import audit, benchmark, calibrate, evaluate, sweep
from loopsim.cli.planning import plan
from loopsim.cli.safety import compare, fork, gc, repair, torture
from loopsim.core.errors import LoopsimError, storage_error

app = typer.Typer(
    help=(
        "Does social bias grow, shrink or stay when tomorrow's models train on images that today's models "
        "made?"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    start,
    resume,
    plan,
    report,
    evaluate,
    audit,
    sweep,
    calibrate,
    runs,
    show,
    verify,
    repair,
    gc,
    fork,
    compare,
    torture,
    doctor,
    pretrain,
    benchmark,
):
    app.command()(command)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; a LoopsimError becomes its message on stderr and its exit code."""
    try:
        app()
    except LoopsimError as error:
        Console(stderr=True).print(
            f"[bold red]loopsim:[/bold red] {escape(str(error))}", soft_wrap=True, highlight=False
        )
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO):
            raise
        refused = storage_error(error, error.filename or "the run's directory", "RUN")
        Console(stderr=True).print(
            f"[bold red]loopsim:[/bold red] {escape(str(refused))}", soft_wrap=True, highlight=False
        )
        sys.exit(refused.exit_code)


if __name__ == "__main__":
    main()
