"""Loops side by side: jobs in processes of their own, each run to its end wherever it stood.

A job names a module-level function and its arguments. Workers are kept, since a process's first loop spends
seconds on imports; they die with their parent.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any, final

from loopsim.core.child import die_with_parent
from loopsim.core.errors import Interrupted, LoopsimError
from loopsim.core.interrupt import Interrupt

_POLL_SECONDS = 0.5
_MOST_TRIES = 3  # of a job whose process dies: what it saved is there when it is tried again


@final
@dataclass(frozen=True)
class Job:
    """What one worker does at a time: `work(*arguments)`, which takes an Interrupt as its last argument."""

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job],
    most: int,
    interrupt: Interrupt,
    finished: Callable[[Job], None] = lambda job: None,
) -> None:
    """Do all jobs, `most` at once.

    After a signal the workers stop at their next safe points and Interrupted is raised; if a job fails the
    others under way are stopped likewise, and its error is raised. A job whose process dies is tried again.
    """
    waiting, tries = deque(jobs), dict.fromkeys([job.name for job in jobs], 0)
    context = get_context("spawn")
    workers: dict[Connection, Any] = {}
    doing: dict[Connection, Job] = {}
    failure: BaseException | None = None
    try:
        while waiting or doing:
            if interrupt.requested is not None and failure is None:
                failure = _interrupted(interrupt)
                _stop(workers.values())
            while failure is None and waiting and len(doing) < most:
                idle = next((pipe for pipe in workers if pipe not in doing), None)
                if idle is None:
                    idle, theirs = context.Pipe()
                    worker = context.Process(target=_serve, args=(theirs,), daemon=True)
                    worker.start()
                    theirs.close()
                    workers[idle] = worker
                job = waiting.popleft()
                tries[job.name] += 1
                with suppress(BrokenPipeError):  # it died meanwhile: found below
                    idle.send(job)
                doing[idle] = job
            if failure is not None and not doing:
                break
            for pipe in connection.wait(list(doing), _POLL_SECONDS):
                assert isinstance(pipe, Connection)
                job = doing.pop(pipe)
                try:
                    error = pipe.recv()
                except EOFError:
                    workers.pop(pipe).join()
                    if failure is None and tries[job.name] < _MOST_TRIES:
                        waiting.appendleft(job)
                        continue
                    error = LoopsimError(f"{job.name}: its process died {tries[job.name]} times")
                if error is None:
                    finished(job)
                elif failure is None:
                    failure = error
                    _stop(workers[other] for other in doing)
    finally:
        for pipe in workers:
            pipe.close()  # an idle worker ends when nobody can ask any more
        for worker in workers.values():
            worker.join(_POLL_SECONDS)
            worker.kill()
            worker.join()
    if failure is not None:
        raise failure


def _interrupted(interrupt: Interrupt) -> Interrupted:
    try:
        interrupt.check()
    except Interrupted as error:
        return error
    raise AssertionError("asked only after a signal")


def _stop(workers: Iterator[Any] | Any) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.terminate()  # a signal that a loop meets at its next safe point


def _serve(pipe: Connection) -> None:
    """Do what is asked for until nobody asks any more."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        error: BaseException | None = None
        with Interrupt() as interrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the parent decides
            try:
                job.work(*job.arguments, interrupt)
            except Interrupted as stopped:
                error = LoopsimError(f"{job.name}: {stopped}")
            except LoopsimError as failed:
                error = failed
            except Exception as failed:
                import traceback

                error = RuntimeError(f"{job.name}: {failed!r}\n{traceback.format_exc()}")
        pipe.send(error)
