"""`loopsim view`: the page of a run, live."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.completion import run_names
from loopsim.cli.options import RunsDir


def view(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]…",
            autocompletion=run_names,
            help="Runs, or a folder of runs as a sweep makes one; by default the latest run.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8765,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Serve the report's page on this machine alone, and refresh it as the loop goes on.

    Example: loopsim view pocket --open
    """
    import webbrowser

    from loopsim.report.page.serve import server_of
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_runs

    with server_of(find_runs(runs_dir, runs or [None]), port) as server:
        address = f"http://{server.server_address[0]!s}:{server.server_port}/"
        screen().print(f"{address} (Ctrl-C ends it)", soft_wrap=True)
        if open_:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            screen().print("stopped")
