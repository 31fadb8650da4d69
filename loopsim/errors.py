"""Errors that a user can mend. Each says what is wrong, where, and what to do; the command line turns it into its exit code."""


class LoopsimError(Exception):
    """Base of every error that is reported as one message instead of a traceback."""

    exit_code = 1


class ConfigError(LoopsimError):
    """An unknown key or a value out of range, in a file or on the command line."""

    exit_code = 2


class RunNotFound(LoopsimError):
    """There is no run of that name, or the directory is not a run."""

    exit_code = 3


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
