"""`loopsim verify`, `repair` and `gc`: keeping a run sound and small."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import RunName, RunsDir


def verify(run: RunName = None, runs_dir: RunsDir = Path("runs")) -> None:
    """Recompute every checksum and file hash of a run, and print its digest.

    Example: loopsim verify pocket
    """
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run
    from loopsim.runs.verify import verify_run

    checked = verify_run(find_run(runs_dir, run))
    console = screen()
    console.print(
        f"{checked.num_rows} rows, {checked.num_artifacts} artifacts, {checked.num_seals} sealed "
        "generations: all sound"
    )
    console.print(f"digest: {checked.digest}")


def repair(
    run: Annotated[str, typer.Argument(help="A run's name or path.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Drop back to the last sound phase of a damaged run.

    Says first what is damaged and what will be done again, and asks.

    Example: loopsim repair pocket
    """
    from loopsim.report.terminal.repair import print_repair
    from loopsim.report.terminal.runs import command
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run
    from loopsim.runs.verify import plan_repair, repair_run

    directory, console = find_run(runs_dir, run), screen()
    found = plan_repair(directory)
    print_repair(console, directory, found)
    if not found.problems:
        return
    if not yes and not typer.confirm("drop them now?"):
        console.print("nothing was changed")
        return
    repair_run(directory)
    console.print(f"done; go on with: {command('resume', directory)}", soft_wrap=True)


def gc(
    run: Annotated[str, typer.Argument(help="A run's name or path.")],
    keep: Annotated[
        str | None,
        typer.Option(help="Let old weights go, too: last, or every:5; default: as the run's config says."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be freed.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Delete what killed writes left behind, and weights that the retention lets go.

    Says first what it would free, and asks.

    Example: loopsim gc pocket --keep last
    """
    import re

    from loopsim.core.errors import ConfigError
    from loopsim.report.terminal.repair import print_garbage
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run
    from loopsim.runs.retention import collect_run, plan_collection_of

    if keep is not None and not re.fullmatch(r"all|last|every:[1-9]\d{0,8}", keep):
        raise ConfigError(f"--keep {keep}: write all, last or every:N")
    directory, console = find_run(runs_dir, run), screen()
    if yes and not dry_run:
        print_garbage(console, collect_run(directory, keep), "freed")
        return
    found = plan_collection_of(directory, keep)
    print_garbage(console, found, "would free")
    if dry_run or not found:
        return
    if not typer.confirm("free them now?"):
        console.print("nothing was changed")
        return
    collect_run(directory, keep)
    console.print("freed")
