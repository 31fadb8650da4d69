"""Files that a command is asked to write: whether they may be there, and what is told if they cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loopsim.core.errors import ConfigError


def require_place(path: Path, option: str) -> None:
    """Raise ConfigError, naming the command's option, if no file can be there."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        problem = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise ConfigError(f"{option} {path}: {problem}; name a file in a folder that exists")


@contextmanager
def refusals_told(path: Path, option: str) -> Iterator[None]:
    """Make a refusal of the file system a ConfigError that names the command's option."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"{option} {path}: cannot be written ({why}); name another place") from error
