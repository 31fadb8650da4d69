"""Writing a page."""

from collections.abc import Sequence
from pathlib import Path

from loopsim.core.files import write_atomically
from loopsim.core.output import refusals_told, require_place
from loopsim.report.page.contents import read_contents
from loopsim.report.page.html import MOST_IN_DETAIL, render


def write_page(directories: Sequence[Path], path: Path, option: str = "--html") -> None:
    """Write the page of runs, whole or not at all. Raises ConfigError, naming the command's option, if that
    cannot be.
    """
    require_place(path, option)
    page = page_of(directories).encode()
    with refusals_told(path, option):
        write_atomically(path, page)


def page_of(directories: Sequence[Path], state: str = "") -> str:
    """Return the page of runs; only the first of many have pictures."""
    contents = [
        read_contents(directory, pictures=number < 4 * MOST_IN_DETAIL)
        for number, directory in enumerate(directories)
    ]
    return render(contents, state)
