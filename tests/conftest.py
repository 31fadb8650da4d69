"""What the tests share: the real models and the real loop, on a world small enough for seconds."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from loopsim.config import Config, load_config
from loopsim.context.phase import Silent
from loopsim.core.distributed import World
from loopsim.core.interrupt import Interrupt
from loopsim.core.reproducibility import make_reproducible
from loopsim.loop import run_loop
from loopsim.models.base_weights import SHIPPED_WEIGHTS
from loopsim.models.library_messages import quiet
from loopsim.phases import phases_of
from loopsim.runs.run import Run

hypothesis.settings.register_profile("loopsim", deadline=None)  # machines are noisy: no test is about time
hypothesis.settings.load_profile("loopsim")

# The smallest loop that still has every part: two generations of 24 pictures.
SMALL = [
    "data.num_train=24",
    "data.num_retrieval=20",
    "data.num_faces=20",
    "clip.num_steps=3",
    "clip.batch_size=16",
    "captioner.num_steps=3",
    "captioner.batch_size=16",
    "evaluate.num_audit_images=1",
    "evaluate.num_resamples=50",
    "evaluate.num_replicates=2",
    "evaluate.num_lic_seeds=2",
    "finetune.num_steps=3",
    "finetune.batch_size=8",
    "generate.num_steps=2",
    "generate.batch_size=8",
]


@pytest.fixture(scope="session", autouse=True)
def _quiet_libraries() -> None:
    quiet()
    make_reproducible(min(2, os.cpu_count() or 1))


@pytest.fixture(scope="session")
def weights() -> Path:
    return SHIPPED_WEIGHTS


def small_config(*overrides: str) -> Config:
    return load_config("tiny", [*SMALL, *overrides])


def small_arguments(*overrides: str) -> list[str]:
    """The same loop for the command line."""
    return ["tiny", *(word for override in (*SMALL, *overrides) for word in ("--set", override))]


def start_run(directory: Path, config: Config) -> str:
    """Run a new loop to its end in this process and return its digest."""
    with (
        Interrupt() as interrupt,
        Run.create(
            directory, config, world=World(), phases=phases_of, progress=Silent(), interrupt=interrupt
        ) as run,
    ):
        run_loop(run)
        return run.store.digest()


def resume_run(directory: Path, generations: int | None = None) -> str:
    """Go on with a loop in this process and return its digest."""
    with (
        Interrupt() as interrupt,
        Run.open(
            directory,
            world=World(),
            phases=phases_of,
            progress=Silent(),
            interrupt=interrupt,
            generations=generations,
        ) as run,
    ):
        run_loop(run)
        return run.store.digest()


def loopsim(*arguments: str, fault: str | None = None, **options) -> subprocess.CompletedProcess:
    """Run the command line as its users do, in a process of its own."""
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"} | ({"LOOPSIM_FAULT": fault} if fault else {})
    return subprocess.run(
        [sys.executable, "-m", "loopsim", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        **options,
    )


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished two-generation loop, and its digest. Tests that change a run copy it first."""
    directory = tmp_path_factory.mktemp("runs") / "clean"
    return directory, start_run(directory, small_config())
