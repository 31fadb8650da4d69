"""What is done with a loop whose machine lost its power."""

import shutil
from pathlib import Path

from loopsim.config import Config
from loopsim.core.errors import CorruptRun
from loopsim.loop import run_loop
from loopsim.models.library_messages import silence_libraries
from loopsim.runs.open import open_or_create
from loopsim.runs.verify import repair_run, verify_run
from tests.helpers.loops import digest_of


def finish(runs: Path, config: str) -> tuple[str, str]:
    """Bring what is left to its end by the command that began it, and return how it was found and its digest.

    A run that says of itself that it is damaged is repaired, and that is counted.
    """
    silence_libraries()
    directory, wanted = runs / "run", Config.model_validate_json(config)
    found = "sound" if directory.exists() else "not made yet"
    try:
        digest = _ended(directory, wanted)
    except CorruptRun as error:
        found = f"repaired ({str(error)[:160]})"
        repair_run(directory)
        digest = _ended(directory, wanted)
    verify_run(directory)
    shutil.rmtree(runs)
    return found, digest


def _ended(directory: Path, config: Config) -> str:
    with open_or_create(directory, config) as run:
        run_loop(run)
        return digest_of(run)
