"""`loopsim plan`: what a loop will cost."""

from pathlib import Path
from typing import Annotated

import typer

from loopsim.cli.options import ConfigName, Json, Overrides, RunsDir, asked_config, print_json


def plan(
    config: ConfigName = "pocket",
    device: Annotated[
        str,
        typer.Option(
            help="a100, h100, h200, l4, l40s, rtx4090, t4, v100, …; or here: measured on this machine."
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
    set_: Overrides = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Say what a loop will cost before anything runs: images, steps, FLOPs, GPU hours, disk.

    Example: loopsim plan pocket --set generations=10
    """
    asked = asked_config(config, set_)

    from loopsim.core.device import choose_device
    from loopsim.costs.plan import measured_rate, rows_of, stated_rate
    from loopsim.costs.plan import plan as make_plan
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.plan import plan_as_json
    from loopsim.report.terminal.plan import print_plan
    from loopsim.report.terminal.screen import screen

    silence_libraries()
    if tflops is not None:
        name, rate = f"a device that reaches {tflops:g} TFLOP/s", tflops * 1e12
    elif device == "here":
        here = choose_device(asked.device)
        rate = measured_rate(here) * utilisation
        reached = f"{rate / 1e12:.2f} TFLOP/s: {utilisation:.0%} of what its matrix products reach"
        name = f"this machine's {here.kind} ({reached})"
    else:
        rate = stated_rate(device, utilisation)
        name = f"one {device} ({rate / 1e12:.0f} TFLOP/s: {utilisation:.0%} of its peak)"
    rows, notes = rows_of(make_plan(asked, runs_dir, name, rate), every=every)
    title = f"{config}: baseline and {asked.generations} generations on {name}"
    if json_:
        print_json(plan_as_json(title, rows, notes))
    else:
        print_plan(screen(), title, rows, notes)
