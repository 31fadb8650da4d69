"""Weights on disk: folders in their own library's layout, named by the hash of what is in them.

Written under a temporary name, synced, renamed, synced: an artifact is there whole or not at all. One that no row names is garbage.
"""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from loopsim import faults
from loopsim.errors import CorruptRun
from loopsim.hashing import hash_folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(artifacts: Path, write: Callable[[Path], None]) -> str:
    """Have `write` fill a new folder, make it durable under `artifacts`, and return its name, the hash of its content."""
    artifacts.mkdir(exist_ok=True)
    temporary = artifacts / f"tmp-{uuid.uuid4().hex}"
    try:
        write(temporary)
        faults.reach("artifact.written")
        for path in temporary.rglob("*"):
            _sync(path)
        _sync(temporary)
        name = hash_folder(temporary)
        faults.reach("artifact.rename.before")
        if (artifacts / name).exists():
            shutil.rmtree(temporary)  # the same content is there already
        else:
            temporary.rename(artifacts / name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync(artifacts)
    faults.reach("artifact.rename.after")
    return name


def locate(artifacts: Path, name: str) -> Path:
    """Return an artifact's folder. Raises CorruptRun if it is missing."""
    folder = artifacts / name
    if not folder.is_dir():
        raise CorruptRun(f"artifact {folder} is missing, but the run names it; restore it, or start the run anew")
    return folder


def remove(artifacts: Path, name: str) -> None:
    """Delete an artifact that no row names any more."""
    shutil.rmtree(artifacts / name, ignore_errors=True)


def damage(artifacts: Path, name: str) -> str | None:
    """Return what is wrong with an artifact, or None if its content still hashes to its name."""
    try:
        found = hash_folder(locate(artifacts, name))
    except CorruptRun as error:
        return str(error)
    return None if found == name else f"artifact {artifacts / name} is damaged: its content hashes to {found}"
