"""Ctrl-C and SIGTERM ask the loop to stop at its next safe point; a second Ctrl-C stops at once."""

import signal
from types import FrameType
from typing import Self, final

from loopsim.errors import Interrupted


@final
class Interrupt:
    """While entered, turns the first SIGINT or SIGTERM into `requested`; `check` raises Interrupted at a point where all is saved."""

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for name in (signal.SIGINT, signal.SIGTERM):
            self._previous[name] = signal.signal(name, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._previous.items():
            signal.signal(name, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.requested is not None:
            raise KeyboardInterrupt
        self.requested = signal.Signals(number)

    def check(self) -> None:
        """Raise Interrupted (exit code 130 or 143) if a signal came."""
        if self.requested is not None:
            raise Interrupted(f"stopped by {self.requested.name}; everything finished so far is saved", 128 + self.requested)
