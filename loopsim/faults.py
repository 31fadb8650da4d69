"""Named fault points at every persistent write: nothing in production; tests (and `loopsim torture`, later) throw or kill there.

A point is reached as `faults.reach("store.commit.before")`. `LOOPSIM_FAULT="name:n"` in the environment kills the process (SIGKILL, as a
power cut would) at the n-th time that the point is reached.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable

hits: Counter[str] = Counter()
_handler: Callable[[str, int], None] | None = None


def reach(point: str) -> None:
    """Say that a fault point was reached; the installed handler, if any, may raise or kill."""
    if _handler is not None:
        hits[point] += 1
        _handler(point, hits[point])


def install(handler: Callable[[str, int], None] | None) -> None:
    """Have `handler(point, n)` called at the n-th reaching of every point from now on; None removes it."""
    global _handler
    _handler = handler
    hits.clear()


def kill_at(spec: str) -> Callable[[str, int], None]:
    """Return a handler that kills this process at `point:n`, as `LOOPSIM_FAULT` gives it."""
    name, _, count = spec.rpartition(":")
    if not name or not count.isdigit():
        raise ValueError(f"LOOPSIM_FAULT={spec}: write it as point:n, for example store.commit.before:3")

    def handler(point: str, n: int) -> None:
        if point == name and n == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    return handler


if "LOOPSIM_FAULT" in os.environ:
    install(kill_at(os.environ["LOOPSIM_FAULT"]))
