"""`loopsim fork`: a run's branch under another config."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import Overrides, RunsDir


def fork(
    run: Annotated[str, typer.Argument(help="The run to branch off: a name or path.")],
    at: Annotated[
        int,
        typer.Option(min=1, help="The first generation that is simulated anew; those before it are shared."),
    ],
    set_: Overrides = None,
    name: Annotated[
        str | None, typer.Option(help="The new run's name; default: the old one's with -fork-N.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Branch a run at a generation with another config; what is before it is shared.

    `loopsim resume` goes on with the branch.

    Example: loopsim fork pocket --at 2 --name less --set compose.alpha=0.2
    """
    from loopsim.report.terminal.runs import command
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run, free_name, new_place
    from loopsim.runs.fork import fork_run

    directory = find_run(runs_dir, run)
    target = new_place(runs_dir, name or free_name(runs_dir, f"{directory.name}-fork"))
    fork_run(directory, target, at, set_ or [])
    screen().print(
        f"{target}: generations 0 to {at - 1} shared; go on with: {command('resume', target)}",
        soft_wrap=True,
    )
