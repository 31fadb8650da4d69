"""`loopsim start` and `loopsim resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopsim.config import Config

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="The folder that holds the runs.")]


def start(
    config: Annotated[str, typer.Argument(help="A TOML file, or a preset: pocket, tiny.")] = "pocket",
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
    runs_dir: RunsDir = Path("runs"),
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override any value: --set finetune.num_steps=200"),
    ] = None,
) -> None:
    """Start a feedback loop and end with its drift report."""
    from loopsim.config import load_config

    given = {"generations": generations, "compose.alpha": alpha, "compose.policy": policy, "seed": seed}
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    resolved = load_config(config, [*overrides, *(set_ or [])])
    _run(lambda: runs_dir / (name or _free_name(runs_dir, Path(config).stem)), resolved, None)


def resume(
    run: Annotated[
        str | None, typer.Argument(help="A run's name or path; by default the latest unfinished one.")
    ] = None,
    generations: Annotated[
        int | None, typer.Option(help="A larger number extends the run, also a finished one.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Go on with an interrupted loop, or extend a finished one."""
    from loopsim.report.summary import find_run

    _run(lambda: find_run(runs_dir, run, unfinished=run is None), None, generations)


def _free_name(runs_dir: Path, stem: str) -> str:
    number = 1
    while (runs_dir / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


def _run(choose: "Callable[[], Path]", config: "Config | None", generations: int | None) -> None:
    """Create (with `config`) or open the run in the directory that rank 0 chooses, loop, and show the
    report.
    """
    from rich.console import Console
    from rich.markup import escape

    from loopsim.context.phase import Silent
    from loopsim.core.distributed import join_world
    from loopsim.core.errors import ConfigError, Interrupted
    from loopsim.core.interrupt import Interrupt
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.costs.plan import planned_bytes
    from loopsim.loop import run_loop
    from loopsim.models.library_messages import quiet
    from loopsim.phases import phases_of
    from loopsim.report.live import LiveProgress
    from loopsim.report.summary import summarize
    from loopsim.report.terminal import print_report
    from loopsim.runs.run import Run, finished_phases, require_disk

    if generations is not None and generations < 0:
        raise ConfigError(f"--generations {generations}: must be 0 or more")
    quiet()
    world = join_world()
    console = Console(quiet=not world.is_main)
    directory = world.broadcast(choose() if world.is_main else None)
    if config is not None and world.is_main:
        config = _settled(config, directory.parent)
        require_disk(directory, planned_bytes(config, directory.parent))
    config = world.broadcast(config)
    with Interrupt() as interrupt:
        if config is not None:
            run = Run.create(
                directory, config, world=world, phases=phases_of, progress=Silent(), interrupt=interrupt
            )
        else:
            run = Run.open(
                directory,
                world=world,
                phases=phases_of,
                progress=Silent(),
                interrupt=interrupt,
                generations=generations,
            )
        with run:
            make_reproducible(run.config.num_threads)
            for change in run.other_machine():
                console.print(
                    f"[yellow]not as in the last attempt:[/yellow] {escape(change)}; results may differ in "
                    "their last bits",
                    highlight=False,
                )
            console.print(
                f"run [bold]{escape(str(directory))}[/bold]: baseline and {run.config.generations} "
                f"generations, {_describe(run.config)}"
            )
            with LiveProgress(
                console, sum(len(run.planned(generation)) for generation in run.pending())
            ) as live:
                if run.store is not None:
                    live.already_finished(len(finished_phases(run.store)))
                run.progress = live if world.is_main else Silent()
                try:
                    run_loop(run)
                except Interrupted as stop:
                    raise Interrupted(
                        f"{stop}\ngo on with: {_command('resume', directory)}", stop.exit_code
                    ) from stop
    if world.is_main:
        console.print()
        print_report(console, summarize(directory), everything=False)
        console.print("\nNext:")
        for command in ("report", "show", "verify", "resume"):
            extra = {
                "report": " --json",
                "show": " -g 1 -o sheet.png",
                "resume": f" --generations {run.config.generations + 2}",
            }.get(command, "")
            if command != "show" or run.config.generations > 0:
                console.print(
                    f"  {_command(command, directory)}{extra}", highlight=False, soft_wrap=True, markup=False
                )


def _settled(config: "Config", runs_dir: Path) -> "Config":
    """Return the config as the run will keep it, its models opened once; reading a corpus through for the
    first time shows how far it is.
    """
    from rich.console import Console

    from loopsim.context.model_loading import require_parts
    from loopsim.models.base_weights import weights_folder
    from loopsim.runs.resolve import settle

    with Console(stderr=True).status("opening the models") as status:
        require_parts(config, weights_folder(config))

        def show(split: str, done: int) -> None:
            if done % 100 == 0:
                status.update(f"reading the corpus: {split}, {done:,} rows")

        return settle(config, runs_dir, show)


def _command(command: str, directory: Path) -> str:
    where = "" if directory.parent == Path("runs") else f" --runs-dir {directory.parent}"
    return f"loopsim {command} {directory.name}{where}"


def _describe(config: "Config") -> str:
    compose, generate = config.compose, config.generate
    alpha = f" α={compose.alpha}" if compose.policy in ("substitute", "fresh_real") else ""
    return (
        f"{compose.policy}{alpha}, {config.finetune.method} from {config.finetune.start}, "
        f"{generate.prompts} prompts, {generate.curation}"
    )
