"""`loopsim report`, `runs`, `show` and `compare`: what runs have found."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.completion import metric_names, run_names
from loopsim.cli.options import Json, RunName, RunsDir, print_json


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]…",
            autocompletion=run_names,
            help="A run's name or path (default: the latest one). With --html several, or a folder of runs, "
            "as a sweep makes one.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Only metrics whose names begin so, with all their groups; may be repeated.",
            autocompletion=metric_names,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every metric and group, by section.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as a page, one file.")
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Say whether bias grew, who is fading, and whether models and pictures are worse.

    Example: loopsim report pocket --html page.html
    """
    from loopsim.core.errors import ConfigError
    from loopsim.report.answers import answers_of
    from loopsim.report.page.write import write_page
    from loopsim.report.summary import summarize
    from loopsim.report.terminal.drift import print_report
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run, find_runs

    if html is not None:
        if metric or everything or json_:
            raise ConfigError("--html is a page of everything: leave out --metric, --all and --json")
        write_page(find_runs(runs_dir, runs or [None]), html)
        screen().print(f"the page: {html}", soft_wrap=True)
        return
    if len(runs or ()) > 1:
        raise ConfigError("several runs make a page: add --html FILE; or see `loopsim compare`")
    summary = summarize(find_run(runs_dir, runs[0] if runs else None), metric or ())
    if json_:
        print_json(summary.as_json() | {"answers": [one.as_json() for one in answers_of(summary)]})
    else:
        print_report(screen(), summary, everything=everything or bool(metric))


def runs(json_: Json = False, runs_dir: RunsDir = Path("runs")) -> None:
    """List the runs with their state.

    Example: loopsim runs --runs-dir elsewhere --json
    """
    from loopsim.report.terminal.runs import print_runs
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import list_runs

    found = list_runs(runs_dir)
    if json_:
        print_json([state.as_json() for state in found])
    else:
        print_runs(screen(), found, runs_dir)


def show(
    run: RunName = None,
    generation: Annotated[
        int | None,
        typer.Option(
            "-g", "--generation", help="Whose samples: S_g, g >= 1 (default 1); of --strip the last."
        ),
    ] = None,
    strip: Annotated[
        bool, typer.Option("--strip", help="The same prompts and seeds over the generations instead.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="A .png, .jpg or .webp; by default <run>-g<g>.png, or <run>-strip.png."
        ),
    ] = None,
    num_samples: Annotated[
        int | None,
        typer.Option(
            "-n", "--num-samples", min=1, help="How many, spread over the generation (48), or prompts (12)."
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Draw a contact sheet of a generation's samples with captions and lineage, or a strip over generations.

    Example: loopsim show pocket --strip -o strip.png
    """
    from loopsim.core.output import require_place
    from loopsim.report.contact_sheet import draw_sheet, load_sheet_samples, save_sheet
    from loopsim.report.filmstrip import draw_films, load_films
    from loopsim.report.summary import summarize
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run, require_generation, run_state

    if output is not None:
        require_place(output, "-o")
    directory = find_run(runs_dir, run)
    if strip:
        planned = run_state(directory).planned_generations
        last = planned if generation is None else generation
        require_generation(directory, last, planned)
        films = load_films(directory, last, num_samples or 12)
        path = output or Path(f"{directory.name}-strip.png")
        save_sheet(draw_films(films, directory.name, summarize(directory).attribution), path)
        told = f"{len(films)} prompts over {len(films[0].generations)} generations"
    else:
        chosen = 1 if generation is None else generation
        samples = load_sheet_samples(directory, chosen, num_samples or 48)
        path = output or Path(f"{directory.name}-g{chosen}.png")
        save_sheet(draw_sheet(samples, directory.name, chosen, summarize(directory).attribution), path)
        told = f"{len(samples)} samples of generation {chosen}"
    screen().print(f"{told}: {path}", soft_wrap=True)


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN…", help="Two runs or more.", autocompletion=run_names)
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Every metric and group, not only the headlines.")
    ] = False,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show where runs part: in their configs, in a phase, and in what they measured.

    Example: loopsim compare pocket less
    """
    from loopsim.core.errors import ConfigError
    from loopsim.report.compare import compare_runs, comparison_as_json
    from loopsim.report.terminal.compare import print_comparison
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.catalog import find_run

    if len(runs) < 2:
        raise ConfigError("compare needs two runs or more")
    found = compare_runs([find_run(runs_dir, run) for run in runs])
    if json_:
        print_json(comparison_as_json(found))
    else:
        print_comparison(screen(), found, everything=everything)
