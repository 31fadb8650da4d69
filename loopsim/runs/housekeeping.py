"""Runs as folders: another name, a note, or none at all any more. Each holds the run's lock meanwhile."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from loopsim.core.errors import CorruptRun, RunExists, storage_error
from loopsim.core.files import sweep_dead, sync_folder, temporary_beside
from loopsim.core.run_folder import ARTIFACTS, LOCK, MODELS, PAGE, SCRATCH, STATE, TRACKERS
from loopsim.runs.catalog import new_place
from loopsim.runs.lock import RunLock
from loopsim.store.notes import NoteRow
from loopsim.store.second_copy import FILE
from loopsim.store.store import Store

_OURS = {STATE, ARTIFACTS, MODELS, SCRATCH, TRACKERS, PAGE, LOCK, FILE}


def strangers_in(directory: Path) -> list[str]:
    """Return the names in a run's folder that loopsim did not put there."""
    return sorted(path.name for path in directory.iterdir() if path.name not in _OURS)


def delete_run(directory: Path) -> None:
    """Delete a run with all that is in its folder. Killed meanwhile, there is no run left, and the next run
    of that name sweeps what is left of it.

    Raises RunHeld if a process works on it, CorruptRun if the folder is a link, StorageFailed if the file
    system refuses.
    """
    _require_folder(directory)
    sweep_dead(directory.parent, directory.name)
    with RunLock(directory):
        gone = temporary_beside(directory)
        try:
            directory.rename(gone)
            sync_folder(directory.parent)
            shutil.rmtree(gone)
        except OSError as error:
            raise storage_error(error, directory, directory.name) from error


def rename_run(directory: Path, name: str) -> Path:
    """Give a run another name in its folder of runs, and return where it is then.

    Raises ConfigError for a name that is none, RunExists if it is taken, and as `delete_run` does.
    """
    _require_folder(directory)
    target = new_place(directory.parent, name)
    with RunLock(directory):
        if os.path.lexists(target):
            raise RunExists(f"{target} exists already; choose another name")
        try:
            directory.rename(target)
            sync_folder(directory.parent)
        except OSError as error:
            raise storage_error(error, directory, directory.name) from error
    return target


def note_of(directory: Path) -> NoteRow:
    """Return what a person has noted of a run."""
    with Store(directory / STATE, readonly=True) as store:
        return store.get(NoteRow) or NoteRow()


def annotate(
    directory: Path, text: str | None, tags: Sequence[str] = (), untag: Sequence[str] = ()
) -> NoteRow:
    """Note something of a run: a text in the place of the one before, tags beside the others. No digest tells
    of it.
    """
    with RunLock(directory), Store(directory / STATE) as store:
        before = store.get(NoteRow) or NoteRow()
        kept = sorted({*before.tags, *tags} - set(untag))
        found = NoteRow(before.text if text is None else text, kept)
        store.write([found])
    return found


def _require_folder(directory: Path) -> None:
    if directory.is_symlink():
        raise CorruptRun(f"{directory} is a link; name the run itself, {directory.resolve()}")
