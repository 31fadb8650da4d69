"""`loopsim doctor` and `loopsim pretrain`."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.loops import RunsDir


def doctor(
    config: Annotated[
        str, typer.Argument(help="A TOML file or a preset's name, whose cost is estimated.")
    ] = "pocket",
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show versions, device, threads and free disk, and what a config will cost here, from a short
    measurement.
    """
    import shutil

    from rich.console import Console
    from rich.table import Table

    from loopsim.config import load_config
    from loopsim.context.phase import phase_names
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.costs.measured import measure_budget
    from loopsim.costs.plan import planned_bytes
    from loopsim.models.base_weights import named_parts
    from loopsim.models.library_messages import quiet
    from loopsim.runs.environment import environment

    quiet()
    resolved, console = load_config(config), Console(highlight=False)
    threads = make_reproducible(resolved.num_threads)
    facts = environment()
    console.print(
        f"python {facts['python']}, "
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    )
    console.print(f"device {facts['device']} ({facts['capability']}), {threads} threads")
    free = shutil.disk_usage(
        next(p for p in (runs_dir.resolve(), *runs_dir.resolve().parents) if p.exists())
    ).free
    console.print(
        f"disk: {free / 1e9:.1f} GB free, {config} needs about "
        f"{planned_bytes(resolved, runs_dir) / 1e9:.1f} GB"
    )
    if any(part != "shipped" for part in named_parts(resolved).values()):
        console.print(
            f"{config} names models of its own: `loopsim plan {config} --device here` says what it will "
            "cost on this machine"
        )
        return
    budget = measure_budget(resolved)
    table = Table(title=f"what {config} will cost here", title_justify="left", box=None)
    for column in ("phase", "work a generation", "seconds", "share"):
        table.add_column(column, justify="right" if column in ("seconds", "share") else "left")
    total = sum(item.seconds for item in budget)
    for item in budget:
        table.add_row(item.phase, item.work, f"{item.seconds:.1f}", f"{item.seconds / total:.0%}")
    console.print(table)
    by_phase = {item.phase: item.seconds for item in budget}
    names = [
        name
        for g in range(resolved.generations + 1)
        for name in phase_names(g, resolved.generations, resolved.evaluate.num_replicates)
    ]
    whole = sum(by_phase.get(name.partition("#")[0], 0.0) for name in names)
    console.print(
        f"baseline with its replicates, and {resolved.generations} generations: about {whole / 60:.1f} "
        "minutes"
    )


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
    """Make the pocket preset's base weights from a seed (about an hour on two cores), or check how faithful
    they are.
    """
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import quiet

    quiet()
    make_reproducible()
    console = Console(highlight=False)
    if check:
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
        console.print(f"weights: {folder}", soft_wrap=True)
        for attribute, share in found.agreement.items():
            console.print(
                f"of {num_prompts} prompts that state everything, the {attribute} drawn is the one asked "
                f"for: {share:.1%}"
            )
        for attribute, share in found.heldout.items():
            console.print(f"the classifier's accuracy on 2000 held-out renders, {attribute}: {share:.1%}")
        table = Table("profession", "women drawn", "in the corpus", title="neutral prompts", box=None)
        for profession, (drawn, real) in found.women.items():
            table.add_row(profession, f"{drawn:.0%}", f"{real:.0%}")
        console.print(table)
        console.print(f"mean distance of the shares of women: {100 * found.women_distance:.1f} points")
        return
    from loopsim.pocket.pretrain import pretrain as make_weights

    with Progress(console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show_step(stage: str, done: int, total: int, loss: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, description=f"{stage} (loss {loss:.3f})")

        for stage in make_weights(out, seed, show_step):
            console.print(f"{stage}: done")
    console.print(f"use them with --set base_weights={out}")
