"""`loopsim plan`: what a loop will cost."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.loops import RunsDir


def plan(
    config: Annotated[str, typer.Argument(help="A TOML file or a preset's name.")] = "pocket",
    device: Annotated[
        str,
        typer.Option(
            help=(
                "a100, h100, h200, l4, l40s, rtx4090, t4, v100, …; or `here`: a short measurement on this "
                "machine."
            )
        ),
    ] = "a100",
    tflops: Annotated[
        float | None,
        typer.Option(min=0.001, help="The rate that a device reaches in bf16, instead of a named one."),
    ] = None,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1, help="The part of a named device's peak that is reached.")
    ] = 0.35,
    every: Annotated[
        bool, typer.Option("--every", help="A row for each generation instead of their sums.")
    ] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override any value.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Say what a loop will cost before anything runs: images, steps, FLOPs, GPU hours, disk."""
    import json

    from rich.console import Console

    from loopsim.config import load_config
    from loopsim.core.device import choose_device
    from loopsim.costs.plan import measured_rate, rows_of, stated_rate
    from loopsim.costs.plan import plan as make_plan
    from loopsim.models.library_messages import quiet
    from loopsim.report.plan import plan_as_json, print_plan

    quiet()
    resolved = load_config(config, set_ or [])
    if tflops is not None:
        name, rate = f"a device that reaches {tflops:g} TFLOP/s", tflops * 1e12
    elif device == "here":
        here = choose_device(resolved.device)
        rate = measured_rate(here) * utilisation
        name = (
            f"this machine's {here.kind} ({rate / 1e12:.2f} TFLOP/s: {utilisation:.0%} of what its matrix "
            "products reach)"
        )
    else:
        rate = stated_rate(device, utilisation)
        name = f"one {device} ({rate / 1e12:.0f} TFLOP/s: {utilisation:.0%} of its peak)"
    found = make_plan(resolved, runs_dir, name, rate)
    rows, notes = rows_of(found, every=every)
    title = f"{config}: baseline and {resolved.generations} generations on {name}"
    if json_:
        json.dump(plan_as_json(title, rows, notes), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        print_plan(Console(), title, rows, notes)
