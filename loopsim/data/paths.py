"""Files that data name: those that must be there, and names that must not lead out of their folder."""

import os
from pathlib import Path

from loopsim.core.errors import DataError


def inside(folder: Path, name: str) -> Path | None:
    """Return the file of that name in a folder, or None if the name leads out of it."""
    path = Path(name)
    return None if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name else folder / path


def is_file(path: Path | str) -> bool:
    """Return whether a file of that name is there; a name that no file can have (too long, a zero in it) is
    none.
    """
    return os.path.isfile(path)


def require(path: Path, what: str) -> Path:
    """Return a path that is there. Raises DataError naming what was looked for."""
    if not os.path.exists(path):
        raise DataError(
            f"{path}: no such {what}; relative paths start from the folder that loopsim is called in"
        )
    return path
