"""One writer a run: a lock on the run's directory that dies with its process."""

import errno
import fcntl
import json
import os
import re
import socket
import stat
from pathlib import Path
from typing import Self, final

from loopsim.core.errors import CorruptRun, RunHeld, StorageFailed, storage_error
from loopsim.core.run_folder import LOCK

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_MAX_TEXT = 4096


@final
class RunLock:
    """Holds `<run>/lock` by flock, so that the kernel frees it however the process ends; its text says who
    holds it.

    Raises RunHeld if another process does, CorruptRun if the name is not a plain file of the run's own,
    StorageFailed if it cannot be written or the file system has no locks.
    """

    def __init__(self, directory: Path) -> None:
        self._file = _opened(directory / LOCK)  # held as long as the run is open
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        except BlockingIOError as error:
            holder = _holder(os.pread(self._file, _MAX_TEXT, 0))
            os.close(self._file)
            raise RunHeld(
                f"run {directory.name} is held by {holder}; wait for it, or stop it and resume"
            ) from error
        except OSError as error:
            os.close(self._file)
            if error.errno in _NO_LOCKS:
                raise StorageFailed(
                    f"{directory}: its file system has no locks (flock: {error.strerror}), so two processes "
                    "could write to one run; mount it with flock, or give --runs-dir a folder on a local disk"
                ) from error
            raise storage_error(error, directory / "lock", directory.name) from error

    def release(self) -> None:
        """Give the lock back."""
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _opened(path: Path) -> int:
    """Return a descriptor of the run's own lock file, made if it is not there. What else bears the name is
    neither followed nor changed.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise storage_error(error, path, path.parent.name) from error
        raise _foreign(path) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise _foreign(path)
    return descriptor


def _foreign(path: Path) -> CorruptRun:
    return CorruptRun(
        f"{path} is not a plain file of this run's own (a link, a folder or a device); loopsim does not "
        "write through it: delete it, and resume"
    )


def _holder(text: bytes) -> str:
    """Return who holds the lock, as far as its text says so in the way that loopsim writes it."""
    said = re.fullmatch(rb'\{"pid": (\d{1,10}), "host": "([A-Za-z0-9._-]{1,64})"\}', text)
    return f"process {said[1].decode()} on {said[2].decode()}" if said else "another process"
