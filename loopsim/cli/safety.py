"""`loopsim repair`, `gc`, `fork`, `compare` and `torture`: keeping runs sound, small and comparable."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.loops import RunsDir

Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]


def repair(
    run: Annotated[str, typer.Argument(help="A run's name or path.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Find what is damaged in a run, and drop back to the last sound phase, after saying what will be done
    again.
    """
    from rich.console import Console
    from rich.markup import escape

    from loopsim.report.summary import find_run
    from loopsim.runs.verify import plan_repair, repair_run

    directory, console = find_run(runs_dir, run), Console(highlight=False)
    found = plan_repair(directory)
    if not found.problems:
        console.print("all sound: nothing to repair")
        return
    for problem in found.problems[:20]:
        console.print(escape(problem), soft_wrap=True)
    if len(found.problems) > 20:
        console.print(f"… and {len(found.problems) - 20} more")
    redo = ", ".join(f"g{g} {name}" for g, name in found.redo) or "nothing that is finished"
    console.print(
        f"[bold]will be done again by `loopsim resume {escape(directory.name)}`:[/bold] {escape(redo)}",
        soft_wrap=True,
    )
    if not yes and not typer.confirm("drop them now?"):
        console.print("nothing was changed")
        return
    repair_run(directory)
    console.print(f"done; go on with: loopsim resume {escape(directory.name)}", soft_wrap=True)


def gc(
    run: Annotated[str, typer.Argument(help="A run's name or path.")],
    keep: Annotated[
        str | None,
        typer.Option(help="Let old weights go, too: last, or every:5; default: as the run's config says."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Delete what killed writes left behind, and weights that the retention policy lets go; say what was
    freed.
    """
    import re

    from rich.console import Console
    from rich.markup import escape

    from loopsim.core.errors import ConfigError
    from loopsim.core.units import readable_bytes
    from loopsim.report.summary import find_run
    from loopsim.runs.lock import RunLock
    from loopsim.runs.run import collect_run

    if keep is not None and not re.fullmatch(r"all|last|every:[1-9]\d*", keep):
        raise ConfigError(f"--keep {keep}: write all, last or every:N")
    directory, console = find_run(runs_dir, run), Console(highlight=False)
    with RunLock(directory):
        freed = collect_run(directory, keep)
    for item in freed:
        console.print(f"{escape(item.name)}: {readable_bytes(item.num_bytes)}, {item.why}")
    console.print(f"freed {readable_bytes(sum(item.num_bytes for item in freed))} in {len(freed)} artifacts")


def fork(
    run: Annotated[str, typer.Argument(help="The run to branch off: a name or path.")],
    at: Annotated[
        int,
        typer.Option(min=1, help="The first generation that is simulated anew; those before it are shared."),
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="What is different from there on.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The new run's name; default: the old one's with -fork-N.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Branch a run at a generation with another config; the prefix is shared. `loopsim resume` goes on with
    the branch.
    """
    from rich.console import Console
    from rich.markup import escape

    from loopsim.report.summary import find_run
    from loopsim.runs.fork import fork_run

    directory = find_run(runs_dir, run)
    number = next(n for n in range(1, 10_000) if not (runs_dir / f"{directory.name}-fork-{n}").exists())
    target = runs_dir / (name or f"{directory.name}-fork-{number}")
    fork_run(directory, target, at, set_ or [])
    Console(highlight=False).print(
        f"{escape(str(target))}: generations 0 to {at - 1} shared; go on with: loopsim resume "
        f"{escape(target.name)}"
    )


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Two runs or more.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every metric and group, not only the headlines.")
    ] = False,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Report where runs part: in their configs, in the first phase that differs, and in what they
    measured.
    """
    import json

    from rich.console import Console

    from loopsim.core.errors import ConfigError
    from loopsim.report.compare import compare_runs, comparison_as_json, print_comparison
    from loopsim.report.summary import find_run

    if len(runs) < 2:
        raise ConfigError("compare needs two runs or more")
    found = compare_runs([find_run(runs_dir, run) for run in runs])
    if json_:
        json.dump(comparison_as_json(found), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        print_comparison(Console(), found, everything=everything)


def torture(
    config: Annotated[str, typer.Argument(help="A TOML file or a preset's name.")] = "tiny",
    kills: Annotated[int, typer.Option(min=1, help="How many processes are killed in all.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the random instants.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override any value.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="The folder in --runs-dir for the loops; it is emptied first.")
    ] = "torture",
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Kill loops at random instants on this machine, resume them, and compare their digests with an
    undisturbed one's.
    """
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from loopsim.config import load_config
    from loopsim.core.errors import CorruptRun
    from loopsim.studies.crash_test import torture as run_torture

    resolved, notes = load_config(config, set_ or []), Console(stderr=True, highlight=False)
    found = run_torture(runs_dir / name, resolved, kills, seed, lambda text: notes.print(text, markup=False))
    console = Console(highlight=False)
    where = Counter(place for r in found.rounds for place in r.kills)
    table = Table(
        "killed in", "times", box=None, title=f"{found.num_kills} kills of {config}", title_justify="left"
    )
    for place, count in sorted(where.items()):
        table.add_row(place, str(count))
    console.print(table)
    console.print(
        f"{len(found.rounds)} loops, {found.num_kills} kills, {found.num_different} different digests "
        f"(undisturbed: {found.digest})"
    )
    if found.num_different:
        raise CorruptRun(
            f"{found.num_different} of {len(found.rounds)} loops ended with another digest; please report "
            "it with this table"
        )
