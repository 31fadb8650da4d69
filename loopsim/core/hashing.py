"""One hash for files and folders: of relative paths and contents."""

import hashlib
from pathlib import Path


def hash_file(path: Path) -> bytes:
    """Return the BLAKE2b digest of a file's content, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, hashlib.blake2b).digest()


def hash_folder(folder: Path) -> str:
    """Return the hash of a folder: of each file's relative path and content, in order of path. A single file
    counts as a folder of one.
    """
    whole = hashlib.blake2b(digest_size=16)
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    for path in files:
        name = path.name if folder.is_file() else path.relative_to(folder).as_posix()
        whole.update(name.encode() + b"\0" + hash_file(path))
    return whole.hexdigest()
