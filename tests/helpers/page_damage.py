"""Changes to the pages of a store's data file, and what a process that may die says of them."""

import os
import random
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path

PAGE = 4096
KINDS = ("flip", "byte", "zero", "swap", "copy", "cut", "meta")


def change(data: bytearray, kind: str, rng: random.Random) -> bytearray:
    """Return a data file with one change: a bit flipped, a byte of a page's head set, a page zeroed, swapped
    with or replaced by another, the file cut, a byte of a meta page set.
    """
    pages = range(len(data) // PAGE)
    one, other = (rng.choice(pages) * PAGE for _ in range(2))
    match kind:
        case "flip":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case "byte":
            data[one + rng.randrange(48)] = rng.randrange(256)
        case "zero":
            data[one : one + PAGE] = bytes(PAGE)
        case "swap":
            data[one : one + PAGE], data[other : other + PAGE] = (
                data[other : other + PAGE], data[one : one + PAGE],
            )  # fmt: skip
        case "copy":
            data[one : one + PAGE] = data[other : other + PAGE]
        case "cut":
            data = data[: rng.randrange(len(data))]
        case "meta":
            data[rng.randrange(2) * PAGE + rng.randrange(152)] = rng.randrange(256)
    return data


def damaged_copy(store: Path, target: Path, kind: str, rng: random.Random) -> Path:
    """Copy a store's folder and change its data file."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    data = change(bytearray((store / "data.mdb").read_bytes()), kind, rng)
    (target / "data.mdb").write_bytes(data)
    return target


def outcome_of(question: Callable[[], int]) -> int | str:
    """Ask in a child process; return the number that it answers, or how it ended: "signal 7", "traceback"."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = question()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return "traceback" if os.WEXITSTATUS(status) == 99 else os.WEXITSTATUS(status)
