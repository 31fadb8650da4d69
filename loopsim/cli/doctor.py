"""`loopsim doctor`: this machine, what is installed, and what a config will cost here."""

from pathlib import Path

from loopsim.cli.options import ConfigName, RunsDir


def doctor(config: ConfigName = "pocket", runs_dir: RunsDir = Path("runs")) -> None:
    """Show versions, device, disk, packages that cannot be used, and what a config will cost here."""
    import shutil

    from rich.console import Console

    from loopsim.core.reproducibility import make_reproducible
    from loopsim.costs.measured import measure_budget
    from loopsim.costs.plan import planned_bytes
    from loopsim.data.corpora import CORPORA
    from loopsim.evaluation.measure import MEASURES
    from loopsim.interventions.registry import INTERVENTIONS
    from loopsim.models.base_weights import named_parts
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.safe_text import safe
    from loopsim.report.terminal.plan import print_budget
    from loopsim.runs.environment import environment
    from loopsim.runs.resolve import read_config, resolve

    silence_libraries()
    asked, console = read_config(config), Console(highlight=False)
    threads = make_reproducible(asked.num_threads)
    facts = environment()
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    console.print(f"python {facts['python']}, {versions}")
    console.print(f"device {facts['device']} ({facts['capability']}), {threads} threads")
    for choices in (MEASURES, INTERVENTIONS, CORPORA):
        for problem in choices.broken():
            console.print(f"[yellow]cannot be used:[/yellow] {safe(problem)}", soft_wrap=True)
    place = next(p for p in (runs_dir.resolve(), *runs_dir.resolve().parents) if p.exists())
    needed, free = planned_bytes(asked, runs_dir), shutil.disk_usage(place).free
    console.print(f"disk: {free / 1e9:.1f} GB free, {safe(config)} needs about {needed / 1e9:.1f} GB")
    if any(part != "shipped" for part in named_parts(asked).values()):
        console.print(
            f"{safe(config)} names models of its own: `loopsim plan {safe(config)} --device here` says what "
            "it will cost on this machine"
        )
        return
    costs = measure_budget(resolve(asked, runs_dir))
    print_budget(console, config, costs, asked.generations, asked.evaluate.num_replicates)
