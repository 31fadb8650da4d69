"""Named fault points at every persistent write: nothing in production; tests (and `loopsim torture`)
throw or kill there.

A point is reached as `faults.reach("store.commit.before")`. `LOOPSIM_FAULT="name:n"` in the environment kills
the process (SIGKILL, as a power cut would) at the n-th time that the point is reached;
`LOOPSIM_FAULT="name:n:ENOSPC"` has the file system refuse there instead.
"""

import errno
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


def fault_of(spec: str) -> Callable[[str, int], None]:
    """Return the handler that `LOOPSIM_FAULT` asks for: `point:n` kills this process, `point:n:ERRNO` raises
    that OSError from then on.
    """
    name, _, rest = spec.partition(":")
    count, _, code = rest.partition(":")
    if not name or not count.isdigit() or (code and not hasattr(errno, code)):
        raise ValueError(
            f"LOOPSIM_FAULT={spec}: write it as point:n or point:n:ENOSPC, for example store.commit.before:3"
        )

    def handler(point: str, n: int) -> None:
        if point == name and code and n >= int(count):
            number = getattr(errno, code)
            raise OSError(number, os.strerror(number))
        if point == name and n == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    return handler


if "LOOPSIM_FAULT" in os.environ:
    install(fault_of(os.environ["LOOPSIM_FAULT"]))
