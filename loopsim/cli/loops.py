"""`loopsim start` and `loopsim resume`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.options import (
    ConfigName,
    LogJson,
    Overrides,
    RunsDir,
    asked_config,
    leave_page,
    logged,
    stop_tells,
)

if TYPE_CHECKING:
    from loopsim.config import Config


def start(
    config: ConfigName = "pocket",
    generations: Annotated[
        int | None, typer.Option(help="Rounds after the baseline; 0 runs the baseline only.")
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(help="Share of generated images in the training set (policies substitute, fresh_real)."),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="substitute, replace, accumulate, accumulate_subsample or fresh_real.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Everything random follows from it.")] = None,
    name: Annotated[
        str | None, typer.Option(help="The run's name; by default the preset's with a number.")
    ] = None,
    set_: Overrides = None,
    log_json: LogJson = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Start a feedback loop and end with its drift report.

    Example: loopsim start pocket --generations 5 --alpha 0.3
    """
    from loopsim.runs.catalog import free_name, new_place

    given = {"generations": generations, "compose.alpha": alpha, "compose.policy": policy, "seed": seed}
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    asked = asked_config(config, [*overrides, *(set_ or [])])
    stem = Path(config).stem
    _loop(lambda: new_place(runs_dir, name or free_name(runs_dir, stem)), log_json, config=asked)


def resume(
    run: Annotated[
        str | None, typer.Argument(help="A run's name or path; by default the latest unfinished one.")
    ] = None,
    generations: Annotated[
        int | None, typer.Option(help="A larger number extends the run, also a finished one.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Only trackers.*: --set 'trackers.use=[\"tensorboard\"]'"
        ),
    ] = None,
    log_json: LogJson = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Go on with an interrupted loop, or extend a finished one.

    Example: loopsim resume pocket --generations 8
    """
    from loopsim.runs.catalog import find_run

    place = lambda: find_run(runs_dir, run, unfinished=run is None)  # noqa: E731
    _loop(place, log_json, generations=generations, trackers=set_ or ())


def _loop(
    choose: Callable[[], Path],
    log_json: Path | None,
    *,
    config: "Config | None" = None,
    generations: int | None = None,
    trackers: Sequence[str] = (),
) -> None:
    """Make the run (with `config`) or open it, in the directory that rank 0 chooses; loop; show what was
    found.
    """
    from loopsim.core.distributed import join_world
    from loopsim.core.events import to_all
    from loopsim.loop import run_loop
    from loopsim.report.summary import summarize
    from loopsim.report.terminal.drift import print_report
    from loopsim.report.terminal.live import LiveProgress, print_run
    from loopsim.report.terminal.runs import command, print_next_steps
    from loopsim.report.terminal.screen import screen
    from loopsim.runs.open import open_or_create

    world = join_world()
    console = screen(quiet=not world.is_main)
    directory = world.broadcast(choose() if world.is_main else None)
    with (
        stop_tells(f"go on with: {command('resume', directory)}"),
        logged(log_json if world.is_main else None) as log,
        LiveProgress(console) as live,
        open_or_create(
            directory,
            config,
            expect="either" if config is None else "new",
            generations=generations,
            trackers=trackers,
            world=world,
            emit=to_all(live, log),
        ) as run,
    ):
        print_run(console, directory, run.config)
        run_loop(run)
    if world.is_main:
        console.print()
        print_report(console, summarize(directory), everything=False)
        leave_page(console, directory)
        print_next_steps(console, directory, run.config.generations)
