"""What durability costs, and how the store behaves at scale; each in one run on one machine."""

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from loopsim.context.phase_names import base_name
from loopsim.core.run_folder import STATE
from loopsim.loop import run_loop
from loopsim.runs.catalog import run_state
from loopsim.runs.open import build_run, meta_rows, open_or_create
from loopsim.runs.resolve import read_config, resolve
from loopsim.store import artifacts
from loopsim.store.rows import AttemptRow, PhaseRow, SampleRow
from loopsim.store.store import Store

NUM_ROWS, ROW_BYTES, NUM_READS = 1_000_000, 300, 50_000


@final
@dataclass(frozen=True)
class DurabilityCost:
    """Seconds of a loop, and of these the seconds spent writing rows and artifacts (checkpoints among
    them).
    """

    seconds: float
    writing: float

    @property
    def share(self) -> float:
        """The part of the loop's time that durability takes."""
        return self.writing / self.seconds


def durability_cost(overrides: list[str]) -> DurabilityCost:
    """Run a pocket loop and time what makes it durable: every transaction, every artifact, every checkpoint,
    with their syncs.
    """
    spent = 0.0

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            nonlocal spent
            start = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                spent += time.perf_counter() - start

        return run

    def put(folder: Path, write: Callable[[Path], None]) -> str:
        # Writing weights in their library's layout is the phase's own result; syncing, hashing and renaming
        # is what durability adds.
        nonlocal spent
        inner = 0.0

        def writing(temporary: Path) -> None:
            nonlocal inner
            start = time.perf_counter()
            write(temporary)
            inner = time.perf_counter() - start

        start = time.perf_counter()
        name = plain_put(folder, writing)
        spent += time.perf_counter() - start - inner
        return name

    plain_write, plain_put = Store.write, artifacts.put
    Store.write, artifacts.put = timed(plain_write), put  # type: ignore[method-assign, assignment]
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            with open_or_create(Path(folder) / "run", read_config("pocket", overrides)) as run:
                run_loop(run)
            return DurabilityCost(time.perf_counter() - start, spent)
    finally:
        Store.write, artifacts.put = plain_write, plain_put  # type: ignore[method-assign]


@final
@dataclass(frozen=True)
class Scale:
    """A run of a million samples: seconds to open it and know where it stands, reads a second, and the
    process's own bytes before and after.
    """

    opening: float
    reads: float
    resident: tuple[float, float]


def scale(resident: Callable[[], float]) -> Scale:
    """Measure a store of NUM_ROWS samples."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        config = resolve(read_config("pocket", ["generations=10"]), Path(folder))
        build_run(directory, meta_rows(config, directory))
        blob = np.random.default_rng(0).bytes(ROW_BYTES)
        per_generation = NUM_ROWS // 10
        with Store(directory / STATE) as store:
            for start in range(0, NUM_ROWS, 20_000):
                generation, first = 1 + start // per_generation, start % per_generation
                store.write(_sample(generation, first + i, blob) for i in range(20_000))
            facts = {"num_candidates": per_generation}
            store.write(PhaseRow(g, "generate", "", {}, facts=facts) for g in range(10))
        start_time = time.perf_counter()
        assert run_state(directory).num_samples == NUM_ROWS
        opening = time.perf_counter() - start_time
        draw = random.Random(0)
        with Store(directory / STATE, readonly=True) as store:
            for _ in range(1000):
                store.get(SampleRow, draw.randint(1, 10), draw.randrange(per_generation))
            before, start_time = resident(), time.perf_counter()
            for _ in range(NUM_READS):
                store.get(SampleRow, draw.randint(1, 10), draw.randrange(per_generation))
            seconds = time.perf_counter() - start_time
            return Scale(opening, NUM_READS / seconds, (before, resident()))


def _sample(generation: int, index: int, blob: bytes) -> SampleRow:
    text = f"a photo {index}"
    return SampleRow(generation, index, index, index, "original", text, text, index, "base", 0, picture=blob)


def generation_times(generations: int, overrides: list[str]) -> list[float]:
    """Return the seconds of each generation of an oracle loop."""
    config = read_config("tiny", ["generate.generator=oracle", f"generations={generations}", *overrides])
    with (
        tempfile.TemporaryDirectory() as folder,
        open_or_create(Path(folder) / "run", config) as run,
    ):
        run_loop(run)
        assert run.store is not None, "one process has the store"
        seconds = [0.0] * (generations + 1)
        for attempt in run.store.scan(AttemptRow):
            if attempt.phase == base_name(attempt.phase):
                seconds[attempt.generation] += attempt.seconds
        return seconds
