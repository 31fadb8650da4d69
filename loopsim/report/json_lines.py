"""A loop's events as lines of JSON: for `tail -f`, and for what reads a log while the loop goes on."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, final

from loopsim.core.errors import ConfigError
from loopsim.core.events import Event, Listener, unheard


@final
class JsonLines:
    """A listener that appends each event to a file as one line, written at once: {"event": "StepTrained",
    "time": seconds since 1970, and the event's own fields}. A number that is not finite becomes null.

    Raises ConfigError if the file cannot be written. A write that fails later stops no loop: `warn` hears of
    it, and nothing more is logged.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._path, self._warn = path, warn
        try:
            self._file = path.open("ab", buffering=0)
            was_cut = _ends_within_a_line(path)
        except OSError as error:
            raise ConfigError(
                f"--log-json {path}: cannot be written ({error.strerror}); name a file in a folder that "
                "exists and that you may write to"
            ) from error
        if was_cut:  # by a kill: what follows must begin a line of its own
            self._write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._write(json.dumps(event_as_json(event, time.time()), allow_nan=False).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        if self._file.closed:
            return
        try:
            self._file.write(line)
        except OSError as error:
            self._file.close()
            self._warn(f"{self._path}: nothing more is logged, writing failed ({error.strerror})")


@contextmanager
def logging_to(path: Path | None, warn: Callable[[str], None]) -> Iterator[Listener]:
    """Yield the listener that writes to a file, or, without one, one that writes nothing."""
    if path is None:
        yield unheard
    else:
        with JsonLines(path, warn) as log:
            yield log


def event_as_json(event: Event, now: float) -> dict[str, Any]:
    """Return an event that happened at `now`, in seconds since 1970, as a JSON object."""
    own = {name: _finite(value) for name, value in vars(event).items()}
    return {"event": type(event).__name__, "time": now} | own


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return {name: _finite(inner) for name, inner in value.items()} if isinstance(value, Mapping) else value


def _ends_within_a_line(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() != b"\n"
