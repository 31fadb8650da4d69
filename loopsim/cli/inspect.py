"""`loopsim report`, `runs`, `show` and `verify`: they only read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.loops import RunsDir

RunName = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="A run's name or path; by default the latest one.")
]


def report(
    run: RunName = None,
    json_: Annotated[bool, typer.Option("--json", help="Print every value as JSON.")] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Only metrics whose names begin so, with all their groups; may be repeated."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show how far each metric has drifted since generation 0."""
    import json

    from rich.console import Console

    from loopsim.report.summary import find_run, summarize
    from loopsim.report.terminal import print_report

    summary = summarize(find_run(runs_dir, run), metric or ())
    if json_:
        json.dump(summary.as_json(), sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
    else:
        print_report(Console(), summary, everything=bool(metric))


def runs(runs_dir: RunsDir = Path("runs")) -> None:
    """List the runs with their state."""
    from rich.console import Console

    from loopsim.report.summary import list_runs
    from loopsim.report.terminal import print_runs

    states = list_runs(runs_dir)
    if states:
        print_runs(Console(), states)
    else:
        Console().print(f"no runs in {runs_dir}; begin one with: loopsim start")


def show(
    run: RunName = None,
    generation: Annotated[
        int, typer.Option("-g", "--generation", help="Whose samples: S_g, for g >= 1.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The PNG file; by default <run>-g<g>.png.")
    ] = None,
    num_samples: Annotated[
        int, typer.Option("-n", "--num-samples", min=1, help="How many, spread over the generation.")
    ] = 48,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Draw a contact sheet of a generation's samples with prompts and lineage."""
    from rich.console import Console

    from loopsim.report.contact_sheet import draw_sheet, load_sheet_samples
    from loopsim.report.summary import find_run, summarize

    directory = find_run(runs_dir, run)
    samples = load_sheet_samples(directory, generation, num_samples)
    kept = sum(sample.kept for sample in samples)
    title = (
        f"{directory.name}, generation {generation}: {len(samples)} samples, {kept} kept (red frame: "
        "dropped by curation)"
    )
    path = output or Path(f"{directory.name}-g{generation}.png")
    draw_sheet(samples, title, summarize(directory).attribution).save(path, format="PNG")
    Console().print(
        f"{len(samples)} samples of generation {generation}: {path}", markup=False, highlight=False
    )


def verify(run: RunName = None, runs_dir: RunsDir = Path("runs")) -> None:
    """Recompute every checksum and file hash of a run, and print its digest."""
    from rich.console import Console

    from loopsim.report.summary import find_run
    from loopsim.runs.verify import verify_run

    checked = verify_run(find_run(runs_dir, run))
    console = Console(highlight=False)
    console.print(
        f"{checked.num_rows} rows, {checked.num_artifacts} artifacts, {checked.num_seals} sealed "
        "generations: all sound"
    )
    console.print(f"digest: {checked.digest}")
