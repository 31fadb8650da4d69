"""`loopsim pretrain`: the pocket preset's base weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console


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
    """Make the pocket preset's base weights (an hour on two cores), or check how faithful they are."""
    from rich.console import Console

    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import silence_libraries

    silence_libraries()
    make_reproducible()
    console = Console(highlight=False)
    if check:
        _check(console, out, num_prompts, num_neutral)
    else:
        _make(console, out, seed)


def _make(console: "Console", out: Path, seed: int) -> None:
    from rich.progress import Progress, TaskID

    from loopsim.pocket.pretrain import pretrain as make_weights

    with Progress(console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show_step(stage: str, done: int, total: int, loss: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, description=f"{stage} (loss {loss:.3f})")

        for stage in make_weights(out, seed, show_step):
            console.print(f"{stage}: done")
    console.print(f"use them with --set base_weights={out}", markup=False)


def _check(console: "Console", out: Path, num_prompts: int, num_neutral: int) -> None:
    from rich.progress import Progress
    from rich.table import Table

    from loopsim.config import Config, GenerateConfig
    from loopsim.models.base_weights import weights_folder
    from loopsim.pocket.fidelity import check_fidelity

    folder = out if out.exists() else weights_folder(Config())
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task("drawing", total=None)
        found = check_fidelity(
            folder,
            GenerateConfig(),
            num_prompts,
            num_neutral,
            lambda done, total: bars.update(task, completed=done, total=total),
        )
    console.print(f"weights: {folder}", soft_wrap=True, markup=False)
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
