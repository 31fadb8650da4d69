"""Writing a page."""

from collections.abc import Sequence
from pathlib import Path

from loopsim.core.errors import ConfigError
from loopsim.core.files import write_atomically
from loopsim.report.page.contents import read_contents
from loopsim.report.page.html import MOST_IN_DETAIL, render

PAGE = "report.html"  # of a run, in its folder


def write_page(directories: Sequence[Path], path: Path, option: str = "--html") -> None:
    """Write the page of runs, whole or not at all. Raises ConfigError, naming the command's option, if that
    cannot be.
    """
    require_place(path, option)
    page = page_of(directories)
    try:
        write_atomically(path, page.encode())
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: cannot be written ({error.strerror}); name another file"
        ) from error


def page_of(directories: Sequence[Path], state: str = "") -> str:
    """Return the page of runs; only the first of many have pictures."""
    contents = [
        read_contents(directory, pictures=number < 4 * MOST_IN_DETAIL)
        for number, directory in enumerate(directories)
    ]
    return render(contents, state)


def require_place(path: Path, option: str) -> None:
    """Raise ConfigError if a file cannot be there."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        problem = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise ConfigError(f"{option} {path}: {problem}; name a file in a folder that exists")
