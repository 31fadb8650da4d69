"""`loopsim benchmark`: ratios and scales on this machine."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from loopsim.report.terminal.screen import Screen


def benchmark(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="metrics, caching, streaming, store, remedies; default: metrics."
        ),
    ] = None,
) -> None:
    """Measure ratios on this machine (minutes).

    Closed forms beside definitions, caches beside none, memory over many shards, the store at scale, drawing
    with remedies beside drawing without.

    Example: loopsim benchmark metrics
    """
    from loopsim.core.errors import ConfigError
    from loopsim.core.reproducibility import make_reproducible
    from loopsim.models.library_messages import silence_libraries
    from loopsim.report.terminal.screen import screen

    chosen = what or ["metrics"]
    for name in chosen:
        if name not in BENCHMARKS:
            raise ConfigError(f"benchmark {name}: known are {', '.join(BENCHMARKS)}")
    silence_libraries()
    make_reproducible()
    for name in chosen:
        BENCHMARKS[name](screen())


def _metrics(console: "Screen") -> None:
    from rich.table import Table

    from loopsim.benchmarks.metrics import (
        GALLERY,
        person_preference_speedup,
        recall_memory,
        self_similarity_speedup,
    )

    table = Table(box=None, pad_edge=False)
    for name in ("metric", "closed form", "definition", "timed", "faster", "difference"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for row in (self_similarity_speedup(), person_preference_speedup()):
        table.add_row(
            row.name,
            f"{1000 * row.fast:.2f} ms",
            f"{row.slow:.1f} s",
            f"{row.share:.2%}",
            f"{row.ratio:,.0f} ×",
            f"{row.difference:.1f} s.e.",
        )
    console.print(table)
    recall, seconds, peak = recall_memory()
    console.print(
        f"R@k over {GALLERY:,} × {GALLERY:,}: {seconds:.1f} s, peak memory of the process "
        f"{peak / 1e9:.2f} GB (R@1 {recall:.3f})"
    )


def _caching(console: "Screen") -> None:
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
        f"{device.name}: {found.samples['all']:.2f} samples/s with everything encoded once, "
        f"{found.samples['none']:.2f} encoded at each step: {found.ratio:.2f} ×"
    )


def _streaming(console: "Screen") -> None:
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


def _store(console: "Screen") -> None:
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


def _remedies(console: "Screen") -> None:
    from rich.table import Table

    from loopsim.benchmarks.remedies import NUM_PICTURES, NUM_TURNS, drawing_costs
    from loopsim.config import load_config

    table = Table(box=None, pad_edge=False)
    for name in ("drawing with", "time of plain drawing", "quartiles"):
        table.add_column(name, justify="left" if name == "drawing with" else "right")
    for row in drawing_costs(load_config("pocket", [])):
        low, high = row.spread
        table.add_row(row.name, f"{row.ratio:.2f} ×", f"{low:.2f} to {high:.2f}")
    console.print(table)
    console.print(f"{NUM_PICTURES} pictures of the pocket model, {NUM_TURNS} turns of both")


BENCHMARKS: dict[str, Callable[["Screen"], None]] = {
    "metrics": _metrics,
    "caching": _caching,
    "streaming": _streaming,
    "store": _store,
    "remedies": _remedies,
}
