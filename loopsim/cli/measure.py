"""`loopsim evaluate`, `audit`, `sweep`, `calibrate` and `benchmark`: measuring, beyond one loop."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopsim.cli.loops import RunsDir

if TYPE_CHECKING:
    from rich.console import Console

    from loopsim.core.interrupt import Interrupt


@contextmanager
def _resumable() -> "Iterator[Interrupt]":
    """Turn Ctrl-C and SIGTERM into a stop at the next safe point, and say how to go on."""
    from loopsim.core.errors import Interrupted
    from loopsim.core.interrupt import Interrupt

    try:
        with Interrupt() as interrupt:
            yield interrupt
    except Interrupted as stop:
        raise Interrupted(f"{stop}\ngo on with the same command", stop.exit_code) from stop


Json = Annotated[bool, typer.Option("--json", help="Print every value as JSON.")]


def _print_json(document: object) -> None:
    import json

    json.dump(document, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def evaluate(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's name or path; by default the latest one.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A measure to add, for example lic or meteor; may be repeated.")
    ] = None,
    lic_encoder: Annotated[
        str | None, typer.Option(help="The transformer of lic_transformer: a folder or hub id.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Add a metric to a run, over all its generations, without training anything again."""
    import difflib
    from typing import get_args

    from rich.console import Console

    from loopsim.config import MetricName
    from loopsim.context.phase import Silent
    from loopsim.core.distributed import World
    from loopsim.core.errors import ConfigError
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import quiet
    from loopsim.phases import phases_of
    from loopsim.report.summary import find_run, summarize
    from loopsim.report.terminal import print_report
    from loopsim.runs.run import Run
    from loopsim.studies.add_metrics import add_metrics

    names, known = metric or [], get_args(MetricName)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ConfigError(
                f"--metric {name}: "
                + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")
            )
    if not names:
        raise ConfigError(f"name a --metric: {', '.join(known)}")
    quiet()
    directory, console = find_run(runs_dir, run), Console()
    with (
        _resumable() as interrupt,
        Run.open(
            directory, world=World(), phases=phases_of, progress=Silent(), interrupt=interrupt
        ) as opened,
    ):
        make_reproducible(opened.config.num_threads)
        with console.status(f"measuring {', '.join(names)}"):
            count, found = add_metrics(opened, names, lic_encoder)
    console.print(f"{', '.join(names)}: measured in {count} generations", markup=False, highlight=False)
    print_report(console, summarize(directory, found), everything=True)


def audit(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="A diffusers folder or a run's name; default: the shipped base."
        ),
    ] = None,
    generation: Annotated[
        int | None, typer.Option("-g", "--generation", help="Of a run: audit SD_g; default: its last one.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="A text file: a prompt a line, then a tab and the world's share of women if known."
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Pictures a prompt.")] = 50,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Audit whom a generator draws for prompts that leave it open: shares with intervals, and the slope
    against the world's shares.
    """
    from rich.console import Console
    from rich.progress import Progress

    from loopsim.config import Config, GeneratorConfig
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.base_weights import weights_folder
    from loopsim.models.classifiers.attribute_classifier import load_classifier
    from loopsim.models.diffusion import stable_diffusion as diffusion
    from loopsim.models.library_messages import quiet
    from loopsim.report.audit import audit_as_json, print_audit
    from loopsim.report.summary import find_run
    from loopsim.runs.run import generator_of
    from loopsim.studies.generator_audit import audit_generator, default_prompts, read_prompts

    quiet()
    make_reproducible()
    asked = read_prompts(prompts) if prompts is not None else None
    if model is None or (Path(model) / "model_index.json").is_file():
        config = Config() if model is None else Config(generator=GeneratorConfig(checkpoint=model))
        weights = weights_folder(config)
        folder, finetuned = weights / "generator", None
        title = model or "the shipped base model"
    else:
        directory = find_run(runs_dir, model)
        config, finetuned, which = generator_of(directory, generation)
        weights = weights_folder(config)
        folder, title = weights / "generator", f"{directory.name}, SD_{which}"
    loaded = diffusion.load_diffusion(config.generator, folder)
    if finetuned is not None:
        diffusion.load_finetuned(loaded, finetuned)
    console = Console()
    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("drawing", total=None)
        found = audit_generator(
            diffusion.for_sampling(loaded),
            load_classifier(weights / "classifier"),
            asked if asked is not None else default_prompts(config.data.openmoji),
            config.generate,
            num_images=images,
            advanced=lambda done, total: bars.update(task, completed=done, total=total),
        )
    if json_:
        _print_json(audit_as_json(title, found))
    else:
        print_audit(console, title, found)


def sweep(
    config: Annotated[str, typer.Argument(help="A TOML file or a preset's name.")] = "pocket",
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=[V,V]", help="An axis: 'seed=[0,1,2]', 'compose.alpha=[0.2,0.5]'; repeat."),
    ] = None,
    name: Annotated[
        str,
        typer.Option(help="The folder in --runs-dir that holds the sweep's runs; the same again goes on."),
    ] = "sweep",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value in every run.")
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Run a grid of loops (seeds × α × policy …) as ordinary runs, and report each setting's drift with the
    seed as the unit.
    """
    from dataclasses import asdict

    from rich.console import Console

    from loopsim.models.library_messages import quiet
    from loopsim.report.seeds import drift_rows, print_seeds
    from loopsim.report.summary import summarize
    from loopsim.studies.sweep import by_setting, cells_of, parse_axis, run_sweep

    axes = dict(parse_axis(axis) for axis in grid or ["seed=[0, 1, 2]"])
    cells, folder = cells_of(config, axes, set_ or []), runs_dir / name
    quiet()
    notes = Console(stderr=True)
    with _resumable() as interrupt:
        run_sweep(
            folder,
            cells,
            interrupt,
            lambda cell: notes.print(f"{folder / cell.name}: finished", markup=False, highlight=False),
        )
    settings = [
        (setting, drift_rows([summarize(folder / cell.name) for cell in mine]))
        for setting, mine in by_setting(cells)
    ]
    if json_:
        _print_json(
            [{"setting": dict(setting), "drift": [asdict(row) for row in rows]} for setting, rows in settings]
        )
    else:
        for setting, rows in settings:
            print_seeds(
                Console(), ", ".join(f"{key} = {value}" for key, value in setting.items()) or config, rows
            )


def calibrate(
    loops: Annotated[
        int,
        typer.Option(
            min=0, help="Oracle loops of data metrics alone, without drift, and as many with a planted shift."
        ),
    ] = 40,
    model_loops: Annotated[
        int, typer.Option(min=0, help="Oracle loops of the tiny preset with all metrics.")
    ] = 30,
    name: Annotated[
        str, typer.Option(help="The folder in --runs-dir that holds the loops; the same again goes on.")
    ] = "calibration",
    json_: Json = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Check the verdicts: how many are false where nothing drifts, and whether a planted shift is found and
    covered.
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from loopsim.models.library_messages import quiet
    from loopsim.report.calibration import print_calibration
    from loopsim.studies.calibration import calibrate as run_controls
    from loopsim.studies.calibration import control_configs

    quiet()
    with _resumable() as interrupt, Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("loops", total=None)
        found = run_controls(
            runs_dir / name,
            control_configs(loops, model_loops),
            interrupt,
            lambda run, done, total: bars.update(task, description=run, completed=done, total=total),
        )
    if json_:
        _print_json(
            {
                "null": [asdict(row) | {"rate": row.rate} for row in found.null],
                "planted": [asdict(row) for row in found.planted],
            }
        )
    else:
        print_calibration(Console(), found.null, found.planted)


def benchmark(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[metrics] [caching] [streaming] [store]", help="Default: metrics."),
    ] = None,
) -> None:
    """Measure ratios on this machine: closed forms beside definitions, encoding once beside each step, memory
    over many shards (minutes).
    """
    from rich.console import Console

    from loopsim.core.errors import ConfigError
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import quiet

    known = {
        "metrics": _benchmark_metrics,
        "caching": _benchmark_caching,
        "streaming": _benchmark_streaming,
        "store": _benchmark_store,
    }
    chosen = what or ["metrics"]
    for name in chosen:
        if name not in known:
            raise ConfigError(f"benchmark {name}: known are {', '.join(known)}")
    quiet()
    make_reproducible()
    for name in chosen:
        known[name](Console(highlight=False))


def _benchmark_metrics(console: "Console") -> None:
    from loopsim.benchmarks.metrics import (
        GALLERY,
        person_preference_speedup,
        recall_memory,
        self_similarity_speedup,
    )
    from loopsim.report.calibration import print_speedups

    print_speedups(console, [self_similarity_speedup(), person_preference_speedup()])
    recall, seconds, peak = recall_memory()
    console.print(
        f"R@k over {GALLERY:,} × {GALLERY:,}: {seconds:.1f} s, peak memory of the process {peak / 1e9:.2f} "
        f"GB (R@1 {recall:.3f})"
    )


def _benchmark_caching(console: "Console") -> None:
    from loopsim.benchmarks.training import caching_speed
    from loopsim.config import DeviceConfig
    from loopsim.core.device import choose_device

    device = choose_device(DeviceConfig())
    found = (
        caching_speed(device)
        if device.kind == "cpu"
        else caching_speed(device, size=512, batch=8, num_steps=20)
    )
    console.print(
        f"LoRA on a Stable Diffusion 1.5 of full size, {found.size} pixels, batches of {found.batch}, "
        f"{device.name}: "
        f"{found.samples['all']:.2f} samples/s with everything encoded once, {found.samples['none']:.2f} "
        f"encoded at each step: {found.ratio:.2f} ×"
    )


def _benchmark_streaming(console: "Console") -> None:
    from loopsim.benchmarks.training import streaming_memory

    found = streaming_memory()
    for name, values, seconds in (
        ("reading", found.reading, found.seconds[0]),
        ("training", found.training, found.seconds[1]),
    ):
        megabytes = ", ".join(f"{value / 1e6:.0f}" for value in values)
        spread = found.spread("reading" if name == "reading" else "training")
        console.print(
            f"{name} {found.num_images:,} images in {seconds:.0f} s: {megabytes} MB resident at each tenth, "
            f"± {spread:.1%} after the first"
        )


def _benchmark_store(console: "Console") -> None:
    import numpy as np

    from loopsim.benchmarks.store import NUM_ROWS, durability_cost, generation_times, scale
    from loopsim.benchmarks.training import private_bytes

    cost = durability_cost(["generations=2", "evaluate.num_replicates=1"])
    console.print(
        f"durability: {cost.writing:.1f} s of a pocket loop's {cost.seconds:.1f} s ({cost.share:.1%})"
    )
    found = scale(private_bytes)
    before, after = (value / 1e6 for value in found.resident)
    console.print(
        f"a run of {NUM_ROWS:,} samples: opened in {found.opening:.3f} s, {found.reads:,.0f} random reads/s, "
        f"{before:.0f} -> {after:.0f} MB of its own"
    )
    seconds = generation_times(50, ["evaluate.num_resamples=50", "evaluate.num_replicates=1"])
    early, late = float(np.median(seconds[2:12])), float(np.median(seconds[41:]))
    console.print(
        f"oracle loop: {early:.3f} s a generation at g = 2 to 11, {late:.3f} s at g = 41 to 50 "
        f"({late / early - 1:+.1%})"
    )
