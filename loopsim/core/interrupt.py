"""Ctrl-C, SIGTERM and SIGUSR1 ask the loop to stop at its next safe point; a second one stops at once."""

import os
import signal
import threading
from types import FrameType
from typing import Self, final

from loopsim.core.errors import Interrupted


@final
class Interrupt:
    """While entered, turns the first SIGINT, SIGTERM or SIGUSR1 (what Slurm sends before it preempts) into
    `requested`.

    `check` raises Interrupted at a point where all is saved; until then a line says that the signal was
    heard. A second one ends the process there and then, as a kill would.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        # Only a process's main thread may handle signals; a loop in another thread (a notebook's, a server's)
        # has none.
        is_main = threading.current_thread() is threading.main_thread()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1) if is_main else ():
            self._previous[name] = signal.signal(name, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._previous.items():
            signal.signal(name, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.requested is not None:
            # Nothing is tidied up: a finished phase is durable, and an unfinished one resumes as after any
            # kill.
            os.write(2, b"\x1b[?25h" if os.isatty(2) else b"")  # a progress display hides the cursor
            os.write(2, b"\nloopsim: stopped at once; `loopsim resume` goes on from what is saved\n")
            os._exit(128 + number)
        self.requested = signal.Signals(number)
        os.write(2, b"\r\x1b[K" if os.isatty(2) else b"")
        os.write(2, b"loopsim: stopping where all is saved, soon; once more stops at once\n")

    def check(self) -> None:
        """Raise Interrupted (exit code 128 and the signal's number: 130, 143, 138) if a signal came."""
        if self.requested is not None:
            raise Interrupted(
                f"stopped by {self.requested.name}; everything finished so far is saved", 128 + self.requested
            )
