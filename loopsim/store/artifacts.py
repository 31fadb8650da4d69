"""Weights on disk: folders in their own library's layout, named by the hash of what is in them.

Written under a temporary name, synced, renamed, synced: an artifact is there whole or not at all. One that no
row names is garbage.
"""

import errno
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError

from loopsim.core import faults
from loopsim.core.errors import CorruptRun, storage_error
from loopsim.core.files import sync_folder
from loopsim.core.hashing import hash_file, hash_folder


def require_own(folder: Path) -> None:
    """Raise CorruptRun if a folder of the run (its artifacts, its scratch) is a link or a file: what loopsim
    writes and deletes there would be somebody else's.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CorruptRun(f"{folder} is a link or no folder; put the folder itself in its place, or delete it")


def put(artifacts: Path, write: Callable[[Path], None]) -> str:
    """Have `write` fill a new folder, make it durable under `artifacts`, and return its name, the hash of its
    content.

    Raises DiskFull, RunVanished or StorageFailed if the file system refuses; what was written so far is
    removed then.
    """
    temporary = artifacts / f"tmp-{uuid.uuid4().hex}"
    try:
        if not artifacts.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(artifacts.parent))
        require_own(artifacts)
        artifacts.mkdir(exist_ok=True)
        faults.reach("artifact.write")
        write(temporary)
        faults.reach("artifact.fsync.before")
        for path in (*temporary.rglob("*"), temporary):
            sync_folder(path)
        faults.reach("artifact.fsync.after")
        name = hash_folder(temporary)
        faults.reach("artifact.rename.before")
        if (artifacts / name).exists() and damage(artifacts, name) is None:
            shutil.rmtree(temporary)  # the same content is there already
        else:
            remove(artifacts, name)  # of that name, but damaged since
            temporary.rename(artifacts / name)
        faults.reach("artifact.rename.after")
        sync_folder(artifacts)
        sync_folder(artifacts.parent)  # where `artifacts` itself may be new: a row will count on it
        faults.reach("artifact.durable")
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise storage_error(error, artifacts, artifacts.parent.name) from error
    except Exception:  # whatever the library that writes may raise: half an artifact must not stay
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return name


def listing(folder: Path) -> dict[str, str]:
    """Return the hash of each of a folder's files, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hash_file(path).hex()[:32]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def locate(artifacts: Path, name: str) -> Path:
    """Return an artifact's folder. Raises CorruptRun if it is missing, or holds a link."""
    require_own(artifacts)
    folder = artifacts / name
    if not folder.is_dir():
        raise CorruptRun(
            f"artifact {folder} is missing, but the run names it; restore it, or drop back to what is "
            f"sound: `loopsim repair {artifacts.parent.name}`"
        )
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise CorruptRun(f"artifact {folder}: {path.name} is a link or no ordinary file")
    return folder


def remove(artifacts: Path, name: str) -> None:
    """Delete an artifact that no row names any more."""
    require_own(artifacts)
    if (artifacts / name).is_symlink():
        (artifacts / name).unlink()
    else:
        shutil.rmtree(artifacts / name, ignore_errors=True)


def damage(artifacts: Path, name: str, files: Mapping[str, str] | None = None) -> str | None:
    """Return what is wrong with an artifact, or None if its content still hashes to its name; with its
    `listing` the files are named.
    """
    try:
        folder = locate(artifacts, name)
        if hash_folder(folder) == name:
            return None
    except CorruptRun as error:
        return str(error)
    except OSError as error:
        return f"artifact {artifacts / name} cannot be read: {error}"
    now = listing(folder) if files else {}
    wrong = [path for path in sorted({*(files or {}), *now}) if (files or {}).get(path) != now.get(path)]
    where = f": {', '.join(wrong[:5])}" if wrong else ""
    return f"artifact {artifacts / name} is damaged{where}"
