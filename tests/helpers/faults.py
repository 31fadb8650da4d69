"""Faults that tests bring about."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loopsim.core import faults


@contextmanager
def on_faults(handler: Callable[[str, int], None]) -> Iterator[None]:
    """Have `handler(point, n)` called at the n-th reaching of every fault point."""
    faults.install(handler)
    try:
        yield
    finally:
        faults.install(None)


def photographed(directory: Path, folder: Path) -> Path:
    """Return a copy of a run in `folder`, in the place of an earlier one: what a process that is killed now
    leaves. LMDB's pages reach its file at commit only.
    """
    image = folder / directory.name
    shutil.rmtree(image, ignore_errors=True)
    return Path(shutil.copytree(directory, image, ignore=shutil.ignore_patterns("lock.mdb", "lock")))
