"""Makes the images, brings the loop in each of them to its end, and prints what became of them."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from loopsim.models.library_messages import silence_libraries
from tests.crash_images.device import BLOCK, MAKE, Write, logged_disk, mounted_image, read_log, write_image
from tests.crash_images.ending import finish
from tests.helpers.loops import small_config, start_run

SIZE = 768 << 20
LOOP = (
    "generations=1",
    "evaluate.num_replicates=1",
    'evaluate.metrics=["representation"]',
    "checkpoint_seconds=0.000001",
)
KEEPS = ("none", "all", "prefix", "random")  # of the writes that no flush has made durable


def cuts(events: Sequence[Write], num: int, rng: random.Random) -> list[int]:
    """Return the instants at which the power goes: spread evenly, and at and behind flushes."""
    flushes = [i for i, event in enumerate(events) if event.data is None]
    even = [len(events) * i // (num // 2) for i in range(num // 2)]
    near = [min(len(events), rng.choice(flushes) + rng.choice([0, 1, 2, 3])) for _ in range(num - len(even))]
    return sorted(even + near)


def left(events: Sequence[Write], cut: int, keep: str, rng: random.Random) -> list[tuple[int, bytes]]:
    """Return the writes that a disk has kept: all before the last flush, of the later ones as `keep` says,
    block by block.
    """
    before = max((i for i in range(cut) if events[i].data is None), default=-1)
    durable = [(event.offset, event.data) for event in events[: before + 1] if event.data is not None]
    open_ones = [
        (event.offset + start, event.data[start : start + BLOCK])
        for event in events[before + 1 : cut]
        if event.data is not None
        for start in range(0, len(event.data), BLOCK)
    ]
    if keep == "none":
        open_ones = []
    elif keep == "prefix":
        open_ones = open_ones[: rng.randrange(len(open_ones) + 1)]
    elif keep == "random":
        open_ones = [block for block in open_ones if rng.random() < 0.5]
    return durable + open_ones


def try_system(system: str, num: int, seed: int, workers: ProcessPoolExecutor, folder: Path) -> bool:
    """Crash one file system `num` times, print a line, and return whether every loop ended as it should."""
    config, rng, started = small_config(*LOOP), random.Random(seed), time.monotonic()
    with logged_disk(system, SIZE, folder) as (mounted, empty, log):
        (mounted / "runs").mkdir()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:  # its files are closed with it
            digest = alone.submit(start_run, mounted / "runs" / "run", config).result()
    events = read_log(log)
    num_flushes = sum(event.data is None for event in events)
    assert num_flushes > 50, "the disk must be told of the loop's syncs, or its images prove nothing"
    waiting: list[tuple[int, str, Future[tuple[str, str]]]] = []
    for number, cut in enumerate(cuts(events, num, rng)):
        keep = KEEPS[number % len(KEEPS)]
        image, runs = folder / "image.img", folder / f"runs-{number}"
        write_image(empty, left(events, cut, keep, rng), image)
        with mounted_image(system, image, folder / "again") as place:
            if (place / "runs").exists():
                shutil.copytree(place / "runs", runs)
            else:
                runs.mkdir()
        waiting.append((cut, keep, workers.submit(finish, runs, config.model_dump_json())))
    outcomes, wrong = Counter[str](), 0
    for cut, keep, future in waiting:
        try:
            found, ended = future.result()
        except Exception as error:  # whatever it is, the table has to tell of it
            found, ended = f"lost: {type(error).__name__}: {str(error)[:200]}", ""
        outcomes[found] += 1
        if ended != digest:
            wrong += 1
            print(f"  {system}, cut {cut} of {len(events)}, {keep} kept: {found}, digest {ended}", flush=True)
    told = "; ".join(f"{count} {found}" for found, count in sorted(outcomes.items()))
    print(
        f"{system}: {len(waiting)} images of {len(events)} writes and flushes ({num_flushes}); {told}; "
        f"{len(waiting) - wrong} with the same digest; {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return wrong == 0


def main() -> None:
    """Crash every file system."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash_images", description=__doc__)
    parser.add_argument("--images", type=int, default=40, help="of each file system")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--systems", nargs="+", choices=list(MAKE), default=list(MAKE))
    asked = parser.parse_args()
    silence_libraries()
    sound = True
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
        for number, system in enumerate(asked.systems):
            with tempfile.TemporaryDirectory(prefix="crash-images-") as folder:
                sound &= try_system(system, asked.images, asked.seed + number, workers, Path(folder))
    sys.exit(not sound)


if __name__ == "__main__":
    main()
