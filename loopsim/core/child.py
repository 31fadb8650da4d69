"""Another program as a child of ours: it is asked with a limit to our patience, and never outlives us."""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, final

_POLL_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildFailed(Exception):
    """The program is missing, ended too early, or did not answer in time; the text says which."""


@final
class Child:
    """A running program whose input and output are pipes. Use it as a context manager: however the context is
    left, the program and all that it started are killed and reaped.

    It has a session of its own: Ctrl-C in the terminal reaches loopsim alone, which decides. `check` is
    called all the while that loopsim waits, and may raise. Raises ChildFailed if there is no such program.
    """

    def __init__(self, command: Sequence[str], cwd: Path, patience: float, check: Callable[[], None]) -> None:
        self._name, self._patience, self._check = command[0], patience, check
        if shutil.which(command[0]) is None:
            raise ChildFailed(f"needs {command[0]} on the PATH")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads fills up
        try:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            self._errors.close()
            raise ChildFailed(f"{command[0]} cannot be started: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._unread = b""

    def ask(self, text: str, num_lines: int = 1) -> list[str]:
        """Write a line, and return so many lines of answer. Raises ChildFailed if the program ends, or says
        and reads nothing for as long as our patience lasts.
        """
        to_write, lines = f"{text}\n".encode(), list[str]()
        last_sign = time.monotonic()
        while len(lines) < num_lines:
            line, newline, rest = self._unread.partition(b"\n")
            if newline:
                self._unread = rest
                lines.append(line.decode(errors="replace").strip())
                continue
            self._check()
            readable, writable, _ = select.select(
                [self._out], [self._in] if to_write else [], [], _POLL_SECONDS
            )
            if readable or writable:
                last_sign = time.monotonic()
            if readable:
                got = os.read(self._out, 1 << 16)
                if not got:
                    raise ChildFailed(self._ended())
                self._unread += got
            if writable:
                try:
                    to_write = to_write[os.write(self._in, to_write) :]
                except BrokenPipeError as error:
                    raise ChildFailed(self._ended()) from error
            self._require_patience(last_sign)
        return lines

    def finish(self) -> None:
        """Return when the program has ended by itself, and well. Raises ChildFailed if not, or if it takes
        longer than our patience lasts.
        """
        began = time.monotonic()
        while self._process.poll() is None:
            self._check()
            if select.select([self._out], [], [], _POLL_SECONDS)[0] and not os.read(self._out, 1 << 16):
                time.sleep(_POLL_SECONDS)  # its output is closed: it is about to end
            self._require_patience(began)
        if self._process.returncode:
            raise ChildFailed(self._ended())

    def _require_patience(self, since: float) -> None:
        if time.monotonic() - since > self._patience:
            raise ChildFailed(f"{self._name} gave no answer for {self._patience:.0f} seconds")

    def _ended(self) -> str:
        """Return how the program ended: its last words, if it had any."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_POLL_SECONDS)
        self._errors.seek(0)
        words = [w.strip() for w in self._errors.read()[-2000:].decode(errors="replace").splitlines()]
        said = next((f": {line[:200]}" for line in reversed(words) if line), "")
        code = self._process.returncode
        how = "closed its output" if code is None else f"ended with code {code}"
        return f"{self._name} {how}{said}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, also in a way that runs no code: SIGKILL, a
    second Ctrl-C.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
