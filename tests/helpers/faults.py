"""Faults that tests bring about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loopsim.core import faults


@contextmanager
def on_faults(handler: Callable[[str, int], None]) -> Iterator[None]:
    """Have `handler(point, n)` called at the n-th reaching of every fault point."""
    faults.install(handler)
    try:
        yield
    finally:
        faults.install(None)
