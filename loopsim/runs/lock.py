"""One writer a run: a lock on the run's directory that dies with its process."""

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Self, final

from loopsim.core.errors import RunHeld


@final
class RunLock:
    """Holds `<run>/lock` by flock, so that the kernel frees it however the process ends; its text says who
    holds it.
    """

    def __init__(self, directory: Path) -> None:
        # Held as long as the run is open.
        self._file = open(directory / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            text = self._file.read()
            self._file.close()
            holder = json.loads(text) if text else {"pid": "unknown", "host": "unknown"}
            raise RunHeld(
                f"run {directory.name} is held by process {holder['pid']} on {holder['host']}; wait for it, "
                "or stop it and resume"
            ) from error
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        self._file.flush()

    def release(self) -> None:
        """Give the lock back."""
        self._file.truncate(0)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
