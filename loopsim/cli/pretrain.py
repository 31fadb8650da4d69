"""`loopsim pretrain`: the pocket preset's base weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from loopsim.report.terminal.screen import Screen


def pretrain(
    out: Annotated[
        Path, typer.Option(help="Where the weights go; a killed pre-training goes on from there.")
    ] = Path("weights"),
    seed: Annotated[int, typer.Option(help="The seed; 0 made the shipped weights.")] = 0,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Measure the weights that are there (by default the shipped ones) instead."
        ),
    ] = False,
    num_prompts: Annotated[int, typer.Option(help="With --check: prompts that state everything.")] = 1000,
    num_neutral: Annotated[
        int, typer.Option(help="With --check: pictures per profession for the neutral prompt.")
    ] = 50,
) -> None:
    """Make the pocket preset's base weights (an hour on two cores), or check how faithful they are.

    Example: loopsim pretrain --out weights
    """
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.terminal.screen import screen

    silence_libraries()
    make_reproducible()
    console = screen()
    if check:
        _check(console, out, num_prompts, num_neutral)
    else:
        _make(console, out, seed)


def _make(console: "Screen", out: Path, seed: int) -> None:
    from rich.progress import TaskID

    from loopsim.pocket.pretrain import pretrain as make_weights
    from loopsim.report.terminal.screen import bars

    with bars() as shown:
        tasks: dict[str, TaskID] = {}

        def show_step(stage: str, done: int, total: int, loss: float) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(stage, total=total)
            shown.update(tasks[stage], completed=done, description=f"{stage} (loss {loss:.3f})")

        for stage in make_weights(out, seed, show_step):
            console.print(f"{stage}: done")
    console.print(f"use them with --set base_weights={out}")


def _check(console: "Screen", out: Path, num_prompts: int, num_neutral: int) -> None:
    from rich.table import Table

    from loopsim.config import Config, GenerateConfig
    from loopsim.core.errors import DataError
    from loopsim.models.base_weights import weights_folder
    from loopsim.pocket.fidelity import check_fidelity
    from loopsim.pocket.pretrain import STAGES
    from loopsim.report.terminal.screen import bars

    folder = out if out.exists() else weights_folder(Config())
    missing = [stage for stage in STAGES if not (folder / stage).is_dir()]
    if missing:
        raise DataError(
            f"{folder} has no {missing[0]} yet; `loopsim pretrain --out {folder}` goes on with it"
        )
    with bars() as shown:
        task = shown.add_task("drawing", total=None)
        found = check_fidelity(
            folder,
            GenerateConfig(),
            num_prompts,
            num_neutral,
            lambda done, total: shown.update(task, completed=done, total=total),
        )
    console.print(f"weights: {folder}", soft_wrap=True)
    for attribute, share in found.agreement.items():
        console.print(
            f"of {num_prompts} prompts that state everything, the {attribute} drawn is the one asked for: "
            f"{share:.1%}"
        )
    for attribute, share in found.heldout.items():
        console.print(f"the classifier's accuracy on 2000 held-out renders, {attribute}: {share:.1%}")
    table = Table("profession", "women drawn", "in the corpus", title="neutral prompts", box=None)
    for profession, (drawn, real) in found.women.items():
        table.add_row(profession, f"{drawn:.0%}", f"{real:.0%}")
    console.print(table)
    console.print(f"mean distance of the shares of women: {100 * found.women_distance:.1f} points")
