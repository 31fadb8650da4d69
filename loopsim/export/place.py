"""Where an export goes: nothing is written over, and a file or folder is there whole or not at all."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loopsim.core import faults
from loopsim.core.errors import ConfigError
from loopsim.core.files import put_in_place, sweep_dead, temporary_beside, write_atomically
from loopsim.core.output import refusals_told


def require_free(path: Path, run: Path | None, option: str = "-o") -> None:
    """Raise ConfigError if something is there (an empty folder may be), if nothing can be, or if it is inside
    a run that is given, whose folder holds nothing but the run.
    """
    place = path.absolute()
    if run is not None and place.resolve().is_relative_to(run.resolve()):
        raise ConfigError(f"{option} {path}: that is inside the run; name a place outside of it")
    if not place.parent.is_dir():
        raise ConfigError(f"{option} {path}: there is no folder {path.parent}; make it, or name another")
    is_empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    if not is_empty and (path.exists() or path.is_symlink()):
        raise ConfigError(f"{option} {path} is there already; name one that is not, or delete it")


def write_new_file(path: Path, write: Callable[[Path], object], option: str = "-o") -> None:
    """Make a file with what `write` writes to the path that it is given. Raises ConfigError if the file
    system refuses; nothing is left then.
    """
    if path.is_dir():
        raise ConfigError(f"{option} {path} is a folder; name a file")

    def whole(place: Path) -> None:
        write(place)
        faults.reach("export.written")

    with refusals_told(path, option):
        write_atomically(path, whole)


@contextmanager
def new_folder(path: Path, option: str = "-o") -> Iterator[Path]:
    """Yield a folder that becomes `path` when what is inside ends well; else nothing is left. What dead
    exports to the same place left is swept first. Raises ConfigError if the file system refuses.
    """
    place = temporary_beside(path.absolute())
    with refusals_told(path, option):
        sweep_dead(place.parent, path.absolute().name)
        place.mkdir()
        try:
            yield place
            faults.reach("export.written")
            put_in_place(place, path.absolute())  # renaming onto a folder works only while that is empty
        finally:
            shutil.rmtree(place, ignore_errors=True)
