"""Killing loops at random, on the user's own machine: the digest must come out as if nothing had happened.

Processes come from a fork server that has the libraries loaded, so that a kill costs the work under way and
not the imports.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from loopsim.config import Config
from loopsim.core.errors import LoopsimError, RunExists
from loopsim.core.rng import seed_for
from loopsim.loop import run_loop
from loopsim.runs.catalog import run_state
from loopsim.runs.open import open_or_create

MARK = "made-by-torture"  # the file by which a folder is known that a test may empty


@final
@dataclass(frozen=True)
class Round:
    """One loop that was killed again and again: where it stood at each kill, its digest, and the seconds that
    it took in all.
    """

    kills: list[str]
    digest: str
    seconds: float


@final
@dataclass(frozen=True)
class CrashTest:
    """The undisturbed digest and seconds, and the rounds."""

    digest: str
    seconds: float
    rounds: list[Round]

    @property
    def num_kills(self) -> int:
        """How many processes were killed."""
        return sum(len(r.kills) for r in self.rounds)

    @property
    def num_different(self) -> int:
        """How many loops did not end with the undisturbed digest."""
        return sum(r.digest != self.digest for r in self.rounds)


def _work(directory: Path, tree: dict[str, Any], sender: Any) -> None:
    """Start or go on with a loop, in a process of its own, and send its digest."""
    try:
        with open_or_create(directory, Config.model_validate(tree)) as run:
            run_loop(run)
            assert run.store is not None, "one process has the store"
            sender.send(("digest", run.store.digest()))
    except LoopsimError as error:
        sender.send(("error", str(error)))


def crash_test(
    directory: Path,
    config: Config,
    num_kills: int,
    seed: int,
    report: Callable[[str], None] = lambda text: None,
) -> CrashTest:
    """Run a loop undisturbed, then again and again under SIGKILL at random instants, until `num_kills`
    processes have died.

    Each round has a new directory and at most twelve kills, each at an instant uniform over an undisturbed
    loop's time: resumes are killed, too. Raises RunExists if the directory is not an earlier test's,
    LoopsimError if a loop stops with an error of its own.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["loopsim.studies.crash_test"])
    _empty(directory)
    tree = config.model_dump(mode="json")
    _attempt(context, directory / "warm-up", tree, None)  # the first process starts the server
    shutil.rmtree(directory / "warm-up")
    clean = _attempt(context, directory / "clean", tree, None)
    assert clean is not None
    digest, seconds = clean
    report(f"undisturbed: {seconds:.1f} s, digest {digest}")
    draw, killed = random.Random(seed_for(seed, "torture")), 0
    rounds: list[Round] = []
    while killed < num_kills:
        place, kills, spent = directory / f"round-{len(rounds) + 1}", list[str](), 0.0
        while True:
            delay = draw.uniform(0.0, seconds) if killed < num_kills and len(kills) < 12 else None
            start = time.monotonic()
            ended = _attempt(context, place, tree, delay)
            spent += time.monotonic() - start
            if ended is not None:
                break
            killed += 1
            kills.append(_where(place))
            report(f"kill {killed}: {kills[-1]}")
        rounds.append(Round(kills, ended[0], spent))
        shutil.rmtree(place)
    return CrashTest(digest, seconds, rounds)


def _empty(directory: Path) -> None:
    """Make the folder of a test, or empty one that an earlier test has made. Raises RunExists if it is
    anything else.
    """
    mark = directory / MARK
    ours = (
        directory.is_dir() and not directory.is_symlink() and (mark.is_file() or not any(directory.iterdir()))
    )
    if os.path.lexists(directory) and not ours:
        raise RunExists(
            f"{directory} was not made by `loopsim torture`, which would empty it; choose another --name"
        )
    directory.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for left in directory.iterdir():  # the mark stays: a kill in between must not make the folder a stranger
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif left != mark:
            left.unlink()


def _where(directory: Path) -> str:
    try:
        return run_state(directory).next_phase or "finished"
    except LoopsimError:
        return "before its first row"


def _attempt(
    context: Any, directory: Path, tree: dict[str, Any], delay: float | None
) -> tuple[str, float] | None:
    """Let a process work; kill it after `delay` seconds. Return its digest and seconds, or None if it was
    killed first.
    """
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(directory, tree, sender))
    start = time.monotonic()
    process.start()
    sender.close()
    answer = None
    try:
        if receiver.poll(delay):
            answer = receiver.recv()
    except EOFError:
        answer = None
    if answer is None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    if answer is None and delay is None:
        raise LoopsimError(f"the loop in {directory} died by itself (exit code {process.exitcode})")
    if answer is None:
        return None
    kind, text = answer
    if kind == "error":
        raise LoopsimError(f"the loop in {directory} stopped: {text}")
    return text, time.monotonic() - start
