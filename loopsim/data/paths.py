"""Files that data name: plain ones only, within their folder, and no larger than what they are for."""

import os
import stat
from pathlib import Path
from typing import TextIO

from loopsim.core.errors import DataError
from loopsim.core.text import printable

MAX_NAME = 1000  # characters of a picture's name, folders included
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def can_be_a_name(text: str) -> bool:
    """Return whether a text can name a picture: not empty, no longer than MAX_NAME, and valid Unicode."""
    if not 0 < len(text) <= MAX_NAME or "\0" in text:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in text)


def inside(folder: Path, name: str) -> Path | None:
    """Return the file of that name in a folder, or None if it lies elsewhere: by its name, or as a link."""
    path = Path(name)
    if not can_be_a_name(name) or path.is_absolute() or ".." in path.parts or "\\" in name:
        return None
    return folder / path if lies_in(folder, folder / path) else None


def lies_in(folder: Path, path: Path) -> bool:
    """Return whether a path is in a folder once every link is followed."""
    root, real = os.path.realpath(folder), os.path.realpath(path)
    return real.startswith(root.rstrip(os.sep) + os.sep)


def is_file(path: Path | str) -> bool:
    """Return whether a plain file of that name is there; a name that no file can have (too long, a zero in
    it) is none.
    """
    return os.path.isfile(path)


def require(path: Path, what: str) -> Path:
    """Return a path that is there. Raises DataError naming what was looked for."""
    if not os.path.exists(path):
        raise DataError(
            f"{shown(path)}: no such {what}; relative paths start from the folder that loopsim is called in"
        )
    return path


def require_folder(path: Path, what: str) -> Path:
    """Return a folder that is there. Raises DataError naming what was looked for."""
    if not os.path.isdir(require(path, what)):
        raise DataError(f"{shown(path)}: a {what} is needed here, and this is no folder")
    return path


def open_plain(path: Path | str) -> int:
    """Return the descriptor of a plain file, open for reading. Raises DataError naming it and what it is
    instead: nothing is waited for, no device is opened.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            descriptor = os.open(path, _FLAGS)
            # It may have become another since.
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode):
                return descriptor
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have that name"
        raise DataError(f"{shown(path)}: {reason}") from error
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    raise DataError(f"{shown(path)}: {kind}, not a plain file")


def shown(path: Path | str) -> str:
    """Return a path as messages say it: printable, and the middle of a very long one left out."""
    text = printable(str(path))
    return text if len(text) <= 200 else f"{text[:80]}…{text[-80:]}"


def open_text(path: Path, what: str, max_bytes: int) -> TextIO:
    """Return a plain file of UTF-8, open for reading; what is no UTF-8 in it becomes U+FFFD. Raises DataError
    if it is missing, no plain file, or larger than `max_bytes`.
    """
    descriptor = _open_within(path, what, max_bytes)
    return os.fdopen(descriptor, encoding="utf-8-sig", errors="replace", newline="")


def read_bytes(path: Path, what: str, max_bytes: int) -> bytes:
    """Return a plain file's content. Raises DataError as `open_text` does."""
    with os.fdopen(_open_within(path, what, max_bytes), "rb") as file:
        return file.read(max_bytes)


def _open_within(path: Path, what: str, max_bytes: int) -> int:
    descriptor = open_plain(require(path, what))
    size = os.fstat(descriptor).st_size
    if size > max_bytes:
        os.close(descriptor)
        raise DataError(
            f"{shown(path)}: {size / 1e6:,.0f} MB, more than the {max_bytes / 1e6:,.0f} that a "
            f"{what} may have"
        )
    return descriptor
