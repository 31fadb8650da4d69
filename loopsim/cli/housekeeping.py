"""`loopsim note`, `rename` and `delete`: a run's folder."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.completion import run_names
from loopsim.cli.options import RunsDir

Named = Annotated[str, typer.Argument(help="A run's name or path.", autocompletion=run_names)]


def note(
    run: Named,
    text: Annotated[str | None, typer.Argument(help="What to note, in the place of what was noted.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag to add; may be repeated.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="A tag to take away; may be repeated.")] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Note something of a run, with tags; or show what is noted.

    Example: loopsim note pocket 'first try' --tag pilot
    """
    from loopsim.core.errors import ConfigError
    from loopsim.core.text import printable
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run
    from loopsim.runs.housekeeping import annotate, note_of

    directory = find_run(runs_dir, run)
    for word in tag or ():
        if not word.strip() or "," in word or len(word) > 60:
            raise ConfigError(f"--tag {word!r}: write a word of at most 60 letters, without a comma")
    if text is not None and len(text) > 10_000:
        raise ConfigError(f"a note of {len(text)} letters: write at most 10,000")
    changes = text is not None or tag or untag
    found = annotate(directory, text, tag or (), untag or ()) if changes else note_of(directory)
    console = screen()
    console.print(printable(found.text) or "nothing is noted", soft_wrap=True)
    if found.tags:
        console.print(printable("tags: " + ", ".join(found.tags)), soft_wrap=True)


def rename(
    run: Named,
    name: Annotated[str, typer.Argument(help="Its new name, in the same folder of runs.")],
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Give a run another name.

    Example: loopsim rename pocket-1 baseline
    """
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run
    from loopsim.runs.housekeeping import rename_run

    found = rename_run(find_run(runs_dir, run), name)
    screen().print(f"it is {found} now", soft_wrap=True)


def delete(
    run: Named,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Delete a run with everything in its folder.

    Says first what will be gone, and asks.

    Example: loopsim delete pocket-1
    """
    from loopsim.core.text import printable
    from loopsim.core.units import readable_bytes
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run
    from loopsim.runs.housekeeping import delete_run, strangers_in

    directory, console = find_run(runs_dir, run), screen()
    size = sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file())
    console.print(printable(f"{directory}: {readable_bytes(size)}"), soft_wrap=True)
    strangers = strangers_in(directory)
    if strangers:
        told = ", ".join(strangers[:8]) + (f" and {len(strangers) - 8} more" if len(strangers) > 8 else "")
        console.print(printable(f"also in it, and not loopsim's: {told}"), style="yellow", soft_wrap=True)
    if not yes and not typer.confirm("delete it for good?"):
        console.print("nothing was changed")
        return
    delete_run(directory)
    console.print("deleted")
