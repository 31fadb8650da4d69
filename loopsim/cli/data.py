"""`loopsim data check`: reading a corpus through."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.loops import RunsDir

app = typer.Typer(help="Look at real data before a run does.", no_args_is_help=True, add_completion=False)


@app.callback()
def _data() -> None:
    """Look at real data before a run does."""


@app.command()
def check(
    config: Annotated[str, typer.Argument(help='A TOML file with [data] corpus = "files".')],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override any value.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Freeze what is there now, if it differs from the frozen manifest."),
    ] = False,
    rows: Annotated[int, typer.Option(min=0, help="How many bad rows a split to list.")] = 20,
    json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Read a corpus through: count images, captions and groups, list bad rows, and write the manifest that
    freezes it for runs.
    """
    import json

    from rich.console import Console
    from rich.progress import Progress

    from loopsim.config import load_config
    from loopsim.data.check import check_corpus, require_good
    from loopsim.report.corpus import corpus_as_json, print_corpus

    resolved = load_config(config, set_ or [])
    notes = Console(stderr=True)
    with Progress(
        *Progress.get_default_columns()[:1], "{task.completed:,} rows", console=notes, transient=True
    ) as bars:
        tasks = {}

        def show(split: str, done: int) -> None:
            if split not in tasks:
                tasks[split] = bars.add_task(f"reading {split}", total=None)
            if done % 100 == 0:
                bars.update(tasks[split], completed=done)

        found = check_corpus(resolved.data, runs_dir, replace=replace, num_rows=rows, report=show)
    if json_:
        json.dump(corpus_as_json(found), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        print_corpus(Console(), found)
    require_good(found, resolved.data.max_bad_share)
