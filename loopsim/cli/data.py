"""`loopsim data check`: reading a corpus through."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import Json, Overrides, RunsDir, print_json

app = typer.Typer(help="Look at real data before a run does.", no_args_is_help=True, add_completion=False)


@app.callback()
def _data() -> None:
    """Look at real data before a run does."""


@app.command()
def check(
    config: Annotated[str, typer.Argument(help=r'A TOML file with \[data] corpus = "files".')],
    set_: Overrides = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Freeze what is there now, if it differs from the frozen manifest."),
    ] = False,
    rows: Annotated[
        int, typer.Option(min=0, help="How many bad rows, disagreements, copies a split to list.")
    ] = 20,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Read a corpus through, and freeze what is there in a manifest for runs.

    Counts images, captions and groups, lists bad rows, labels that rows of one picture disagree about, and
    held-out pictures that are in train, too: the same file, or the same picture saved again.

    Example: loopsim data check own_folder.toml
    """
    from rich.progress import Progress, TaskID

    from loopsim.config import load_config
    from loopsim.data.check import check_corpus, require_good
    from loopsim.report.corpus import corpus_as_json
    from loopsim.report.terminal.corpus import print_corpus
    from loopsim.report.terminal.screen import screen

    data = load_config(config, set_ or []).data
    counts = ("{task.description}", "{task.completed:,} rows")
    with Progress(*counts, console=screen(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(split: str, done: int) -> None:
            if split not in tasks:
                tasks[split] = bars.add_task(f"reading {split}", total=None)
            if done % 100 == 0:
                bars.update(tasks[split], completed=done)

        found = check_corpus(data, runs_dir, replace=replace, num_rows=rows, report=show)
    if json_:
        print_json(corpus_as_json(found))
    else:
        print_corpus(screen(), found)
    require_good(found, data.max_bad_share)
