"""What the file system says becomes an error that says what to do."""

import errno
import os

from loopsim.core.errors import DiskFull, RunVanished, StorageFailed, storage_error


def test_what_the_file_system_says_becomes_the_way_out() -> None:
    kinds = {
        errno.ENOSPC: DiskFull,
        errno.EDQUOT: DiskFull,
        errno.EROFS: StorageFailed,
        errno.EACCES: StorageFailed,
        errno.ENOENT: RunVanished,
    }
    for number, kind in kinds.items():
        assert isinstance(storage_error(OSError(number, os.strerror(number)), "x", "r"), kind)
    assert isinstance(
        storage_error(RuntimeError("I/O error: No space left on device (os error 28)"), "x", "r"), DiskFull
    )
