"""Errors that a user can mend. Each says what is wrong, where, and what to do; the command line turns it into
its exit code.
"""

import errno


class LoopsimError(Exception):
    """Base of every error that is reported as one message instead of a traceback."""

    exit_code = 1


class ConfigError(LoopsimError):
    """An unknown key or a value out of range, in a file or on the command line."""

    exit_code = 2


class RunNotFound(LoopsimError):
    """There is no run of that name, or the directory is not a run."""

    exit_code = 3


class UndeclaredSection(LoopsimError):
    """A phase, or a package's code in it, reads a section of the config that is not in the phase's
    fingerprint.
    """

    exit_code = 2


class RunExists(LoopsimError):
    """A new run would overwrite one that is there."""

    exit_code = 4


class RunHeld(LoopsimError):
    """Another live process writes to the run."""

    exit_code = 5


class RunMismatch(LoopsimError):
    """The stored config or the code no longer matches a finished phase."""

    exit_code = 6


class DiskFull(LoopsimError):
    """There is, or will be, too little room for the plan."""

    exit_code = 7


class StorageFailed(LoopsimError):
    """The file system refused a write: read-only, no permission, an input/output error."""

    exit_code = 10


class RunVanished(StorageFailed):
    """The run's directory was removed or unmounted while it was open."""


class CorruptRun(LoopsimError):
    """A checksum, a file or a record is not what the run says it is."""

    exit_code = 8


class DataError(LoopsimError):
    """A corpus or an asset cannot be read, or too many of its rows are bad."""

    exit_code = 9


class Interrupted(LoopsimError):
    """A signal asked the loop to stop; everything finished so far is stored."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def storage_error(error: Exception, path: object, run: str) -> LoopsimError:
    """Return what a failed write means to the user: the file system's error, where, and the way out (other
    libraries only tell it in their texts).
    """
    text = str(error)
    number = getattr(error, "errno", None)
    way = f"then `loopsim resume {run}`; everything finished so far is saved"
    if (
        number in (errno.ENOSPC, errno.EDQUOT)
        or "No space left" in text
        or "Disk quota" in text
        or "os error 28" in text
    ):
        return DiskFull(f"{path}: the disk is full; make room, {way}")
    if number in (errno.EROFS, errno.EACCES, errno.EPERM) or any(
        word in text for word in ("Read-only", "Permission denied", "not permitted", "os error 30")
    ):
        return StorageFailed(f"{path} cannot be written ({text}); make it writable, {way}")
    if number == errno.ENOENT or "No such file" in text or "os error 2)" in text:
        return RunVanished(f"{path} has vanished while the run was open; bring the folder back, {way}")
    return StorageFailed(f"{path}: writing failed ({text}); see to the disk, {way}")


def refused(error: OSError) -> LoopsimError | None:
    """Return what an error of the file system that nobody expected means to the user; None if it is none that
    a user can mend.
    """
    place = error.filename if error.filename is not None else "the run's directory"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO):
        return storage_error(error, place, "RUN")
    ways = {
        errno.ENAMETOOLONG: "its name is too long for the file system; choose a shorter one",
        errno.ENOTDIR: "a part of this path is a file where a folder is needed; choose another path",
        errno.EISDIR: "it is a folder where a file is needed; choose another path",
        errno.ELOOP: "its links lead round in a circle; choose another path",
    }
    return ConfigError(f"{place}: {ways[error.errno]}") if error.errno in ways else None
