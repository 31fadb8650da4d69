"""Kill a call just before any one of the system calls by which it changes files; or have one refused.

The call runs in a fork of this process, which has everything imported, so that a kill costs milliseconds. In
the fork a seccomp filter stops at the few system calls that change files, and ptrace reads their arguments
there. Linux on x86-64 and aarch64.
"""

import ctypes
import os
import platform
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import torch

SECONDS = 120  # a call that takes longer hangs: SIGALRM ends it

# Each by its number on x86-64 and aarch64 (None: there is no such call), and where its paths are: the
# arguments that are a folder's descriptor and a path, a path alone (-1: beside the working directory), or a
# file's descriptor.
_CALLS: dict[str, tuple[int | None, int | None, tuple[tuple[int, int] | int, ...]]] = {
    "write": (1, 64, (0,)),
    "open": (2, None, ((-1, 0),)),
    "pwrite64": (18, 68, (0,)),
    "writev": (20, 66, (0,)),
    "sendfile": (40, 71, (0,)),
    "fsync": (74, 82, (0,)),
    "fdatasync": (75, 83, (0,)),
    "truncate": (76, 45, ((-1, 0),)),
    "ftruncate": (77, 46, (0,)),
    "rename": (82, None, ((-1, 0), (-1, 1))),
    "mkdir": (83, None, ((-1, 0),)),
    "rmdir": (84, None, ((-1, 0),)),
    "creat": (85, None, ((-1, 0),)),
    "link": (86, None, ((-1, 0), (-1, 1))),
    "unlink": (87, None, ((-1, 0),)),
    "symlink": (88, None, ((-1, 1),)),
    "openat": (257, 56, ((0, 1),)),
    "mkdirat": (258, 34, ((0, 1),)),
    "unlinkat": (263, 35, ((0, 1),)),
    "renameat": (264, 38, ((0, 1), (2, 3))),
    "linkat": (265, 37, ((0, 1), (2, 3))),
    "symlinkat": (266, 36, ((1, 2),)),
    "fallocate": (285, 47, (0,)),
    "pwritev": (296, 70, (0,)),
    "renameat2": (316, 276, ((0, 1), (2, 3))),
    "copy_file_range": (326, 285, (2,)),
    "pwritev2": (328, 287, (0,)),
}
_FLOCK = (73, 32)
_OPENS = {"open": 1, "openat": 2}  # which argument has the flags
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
SUPPORTED = sys.platform == "linux" and platform.machine() in _MACHINES

# linux/ptrace.h, linux/prctl.h, linux/seccomp.h
_TRACEME, _CONT, _SETOPTIONS, _GETREGSET = 0, 7, 0x4200, 0x4204
_OPTIONS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7 | 1 << 20  # fork, vfork, clone, seccomp; the tracee dies with us
_EVENT_SECCOMP = 7
_NT_PRSTATUS, _WALL = 1, 0x40000000
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _TRACE, _ERRNO = 0x7FFF0000, 0x7FF00000, 0x00050000


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


@dataclass
class Ended:
    """What became of a call: the changes that it made, or was about to make, one line each; whether it was
    killed; the traceback with which it ended otherwise.
    """

    changes: list[str] = field(default_factory=list)
    killed: bool = False
    error: str | None = None


def run_forked(call: Callable[[], object], folder: Path, kill_at: int | None = None) -> Ended:
    """Run a call in a fork, and tell each change that it makes below `folder`; kill it with SIGKILL just
    before its `kill_at`-th change (from 0).
    """
    numbers = [numbers[_MACHINES[platform.machine()][0]] for numbers in _CALLS.values()]
    with tempfile.TemporaryFile() as told:
        pid = os.fork()
        if pid == 0:
            _be_the_child(call, told, [number for number in numbers if number is not None])
        ended = _trace(pid, os.path.realpath(folder), kill_at)
        told.seek(0)
        text = told.read().decode()
    if text:
        ended.error = text
    return ended


def refusing(number: int, call: Callable[[], object]) -> str | None:
    """Run a call in a fork in which the kernel refuses `flock` with an errno, as a file system without it
    does; return the traceback with which it ended, or None.
    """
    flock = _FLOCK[_MACHINES[platform.machine()][0]]
    with tempfile.TemporaryFile() as told:
        pid = os.fork()
        if pid == 0:
            _be_the_child(call, told, [flock], answer=_ERRNO | number, traced=False)
        os.waitpid(pid, 0)
        told.seek(0)
        return told.read().decode() or None


def _be_the_child(
    call: Callable[[], object],
    told: IO[bytes],
    numbers: Sequence[int],
    answer: int = _TRACE,
    traced: bool = True,
) -> None:
    code = 1
    try:
        signal.alarm(SECONDS)
        torch.set_num_threads(1)  # the threads of the process that was forked are not here
        os.setpgid(0, 0)
        if traced:
            _libc.ptrace(_TRACEME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
        _filter(numbers, answer)
        call()
        code = 0
    except BaseException:
        told.write(traceback.format_exc().encode())
        told.flush()
    finally:
        os._exit(code)


def _filter(numbers: Sequence[int], answer: int) -> None:
    """Have the kernel answer these system calls of this process so; all others pass."""
    load, equal, give = 0x20, 0x15, 0x06
    lines = [
        _Instruction(load, 0, 0, 4),
        _Instruction(equal, 1, 0, _MACHINES[platform.machine()][1]),
        _Instruction(give, 0, 0, _ALLOW),
        _Instruction(load, 0, 0, 0),
        *(_Instruction(equal, len(numbers) - i, 0, number) for i, number in enumerate(numbers)),
        _Instruction(give, 0, 0, _ALLOW),
        _Instruction(give, 0, 0, answer),
    ]
    program = _Program(len(lines), (_Instruction * len(lines))(*lines))
    if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or _libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _trace(pid: int, folder: str, kill_at: int | None) -> Ended:
    ended = Ended()
    os.waitpid(pid, 0)
    _libc.ptrace(_SETOPTIONS, pid, None, _OPTIONS)
    _libc.ptrace(_CONT, pid, None, None)
    alive = True
    while alive:
        try:
            thread, status = os.waitpid(-pid, _WALL)  # every thread and child of that process group
        except ChildProcessError:
            break
        if not os.WIFSTOPPED(status):
            if thread == pid:
                code = os.waitstatus_to_exitcode(status)
                ended.killed = code == -signal.SIGKILL
                if code not in (0, 1, -signal.SIGKILL):
                    ended.error = f"ended with {code}"
            continue
        stop, event = os.WSTOPSIG(status), status >> 16
        if event == _EVENT_SECCOMP and (change := _change_of(thread, folder)):
            ended.changes.append(change)
            if kill_at is not None and len(ended.changes) == kill_at + 1:
                os.killpg(pid, signal.SIGKILL)
                continue
        deliver = 0 if event or stop in (signal.SIGTRAP, signal.SIGSTOP) else stop
        _libc.ptrace(_CONT, thread, None, deliver)
    return ended


def _change_of(thread: int, folder: str) -> str | None:
    """Return the change below `folder` that a thread is about to make ("mkdir run.tmp"), or None."""
    number, arguments = _registers(thread)
    column = _MACHINES[platform.machine()][0]
    name = next(name for name, call in _CALLS.items() if call[column] == number)
    if name in _OPENS and not arguments[_OPENS[name]] & (os.O_CREAT | os.O_TRUNC):
        return None
    places = [_place(thread, arguments, where) for where in _CALLS[name][2]]
    if not any(place == folder or place.startswith(f"{folder}/") for place in places):
        return None
    return " ".join([name, *(os.path.relpath(place, folder) for place in places)])


def _registers(thread: int) -> tuple[int, list[int]]:
    """Return the number and the six arguments of the system call that a thread is about to make."""
    values = (ctypes.c_uint64 * 34)()
    vector = _Vector(ctypes.cast(values, ctypes.c_void_p), ctypes.sizeof(values))
    _libc.ptrace(_GETREGSET, thread, _NT_PRSTATUS, ctypes.cast(ctypes.pointer(vector), ctypes.c_void_p))
    if platform.machine() == "aarch64":
        return values[8], list(values[:6])
    return values[15], [values[i] for i in (14, 13, 12, 7, 9, 8)]  # orig_rax; rdi, rsi, rdx, r10, r8, r9


def _place(thread: int, arguments: list[int], where: tuple[int, int] | int) -> str:
    try:
        if isinstance(where, int):
            return os.readlink(f"/proc/{thread}/fd/{arguments[where]}")
        base, path = where
        text = _text(thread, arguments[path])
        descriptor = ctypes.c_int(arguments[base]).value if base >= 0 else -100
        beside = f"/proc/{thread}/cwd" if descriptor == -100 else f"/proc/{thread}/fd/{descriptor}"
        full = text if text.startswith("/") else os.path.join(os.readlink(beside), text)
        return os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
    except OSError:
        return ""


def _text(thread: int, address: int) -> str:
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        found = memory.read(4096 - address % 4096)
        while b"\0" not in found:
            found += memory.read(4096)
    return os.fsdecode(found.split(b"\0")[0])


def sampled(changes: Sequence[str], most: int = 60) -> list[int]:
    """Return the numbers of at most so many changes: every kind and file first, the rest spread evenly."""
    kinds = {re.sub(r"[0-9a-f]{6,}|\d+", "#", change): i for i, change in reversed(list(enumerate(changes)))}
    chosen = sorted(kinds.values())[:most]
    rest = [i for i in range(len(changes)) if i not in chosen]
    room = most - len(chosen)
    step = max(1, -(-len(rest) // room)) if room else len(changes)
    return sorted({*chosen, *(rest[::step] if room else [])})


def every_kill(
    root: Path, prepare: Callable[[Path], None], call: Callable[[Path], object], most: int = 60
) -> Iterator[tuple[str, Path]]:
    """Yield, for each change that `call(place)` makes below a prepared place, the change and a place in which
    the call was killed just before it; the last one is a place in which it was not killed.
    """
    whole = root / "whole"
    whole.mkdir(parents=True)
    prepare(whole)
    ended = run_forked(lambda: call(whole), whole)
    assert ended.error is None, ended.error
    assert ended.changes, "nothing was changed there"
    for n in sampled(ended.changes, most):
        place = root / str(n)
        place.mkdir()
        prepare(place)
        found = run_forked(partial(call, place), place, kill_at=n)
        assert found.killed, (n, found.error)
        yield f"{n}: {found.changes[-1]}", place
    yield "at its end", whole
