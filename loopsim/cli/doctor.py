"""`loopsim doctor`: this machine, what is installed, and what a config will cost here."""

import shutil
from pathlib import Path

from loopsim.cli.options import ConfigName, RunsDir, asked_config


def doctor(config: ConfigName = "pocket", runs_dir: RunsDir = Path("runs")) -> None:
    """Show versions, device, disk, packages that cannot be used, and what a config will cost here.

    Example: loopsim doctor pocket
    """
    asked = asked_config(config)

    from loopsim.core.reproducibility import make_reproducible
    from loopsim.costs.measured import measure_budget
    from loopsim.costs.plan import planned_bytes
    from loopsim.data.corpora import CORPORA
    from loopsim.evaluation.measure import MEASURES
    from loopsim.interventions.registry import INTERVENTIONS
    from loopsim.models.base_weights import named_parts
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.terminal.plan import print_budget
    from loopsim.report.terminal.screen import marked, screen
    from loopsim.runs.environment import environment
    from loopsim.runs.resolve import resolve

    silence_libraries()
    console = screen()
    threads = make_reproducible(asked.num_threads)
    facts = environment()
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    console.print(f"python {facts['python']}, {versions}")
    console.print(f"device {facts['device']} ({facts['capability']}), {threads} threads")
    console.print(f"processor {facts['processor']}: {facts['flags']}", soft_wrap=True)
    told = facts["kernels"] | facts["variables"] | facts["thread_variables"]
    kernels = ", ".join(f"{name} {value}" for name, value in told.items())
    console.print(f"kernels: {kernels}", soft_wrap=True)
    for choices in (MEASURES, INTERVENTIONS, CORPORA):
        for problem in choices.broken():
            console.print(marked("[yellow]cannot be used:[/yellow] {}", problem), soft_wrap=True)
    place = next(p for p in (runs_dir.resolve(), *runs_dir.resolve().parents) if p.exists())
    needed, free = planned_bytes(asked, runs_dir), shutil.disk_usage(place).free
    console.print(f"disk: {free / 1e9:.1f} GB free, {config} needs about {needed / 1e9:.1f} GB")
    if any(part != "shipped" for part in named_parts(asked).values()):
        console.print(
            f"{config} names models of its own: `loopsim plan {config} --device here` says what "
            "it will cost on this machine"
        )
        return
    costs = measure_budget(resolve(asked, runs_dir))
    print_budget(console, config, costs, asked.generations, asked.evaluate.num_replicates)
