"""Files that are there whole or not at all: made under a temporary name, synced, renamed, synced.

A temporary name carries the host and the process that made it, so that what a dead process left is known as
such, and what a live one is making is left alone.
"""

import hashlib
import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, content: bytes | Callable[[Path], object]) -> None:
    """Make or replace a file, with bytes or with what a function writes to the path that it is given.

    Whoever reads `path`, at any time and after a power cut, finds the old content or the new one. Raises
    OSError, or what the function raises; nothing is left behind then.
    """
    sweep_dead(path.parent, path.name)
    temporary = temporary_beside(path)
    try:
        if isinstance(content, bytes):
            with open(temporary, "xb") as file:
                file.write(content)
        else:
            content(temporary)
        put_in_place(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def temporary_beside(path: Path) -> Path:
    """Return the name under which this process makes `path`."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.tmp")


def put_in_place(temporary: Path, path: Path) -> None:
    """Sync a file, or a folder with all that is in it, give it its name, and make that durable."""
    for found in (temporary, *(temporary.rglob("*") if temporary.is_dir() else ())):
        sync_folder(found)
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have a folder's entries (or a file's content) on the disk when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_dead(folder: Path, stem: str) -> None:
    """Remove what processes of this host that are no more (or this one) left of making `folder`/`stem`."""
    name = re.compile(rf"\.{re.escape(stem)}\.{_host()}\.(\d+)\.tmp")
    for path in folder.iterdir() if folder.is_dir() else ():
        made_by = name.fullmatch(path.name)
        if made_by and (int(made_by[1]) == os.getpid() or not _is_alive(int(made_by[1]))):
            _remove(path)


def _host() -> str:
    """Return a short word for this host: its name may be too long for a file's."""
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    except OverflowError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
