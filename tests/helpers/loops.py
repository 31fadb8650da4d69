"""Loops small enough for tests, and the one place where tests make, open and resume runs."""

import os
import shutil
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from loopsim.config import Config, config_from_tree, load_config
from loopsim.core.errors import Interrupted, LoopsimError
from loopsim.core.reproducibility import make_reproducible
from loopsim.loop import run_loop
from loopsim.models.library_messages import silence_libraries
from loopsim.runs.open import open_or_create
from loopsim.runs.run import ActiveRun
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.faults import on_faults
from tests.helpers.rows import num_finished_phases

CONFIGS = Path(__file__).parents[2] / "configs"

# The smallest loop of the pocket world that still has every part: two generations of 24 pictures.
SMALL = [
    "num_threads=1",  # so small a loop gains nothing by two, and two tests run at once
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


# A zero-shot classifier that, by the features of the tiny CLIP "vit", sees every group and sometimes nobody.
UNSURE = {
    "kind": "zero_shot",
    "prompts": {
        "gender": {"man": ["a photo of a"], "woman": ["a photo of cook"]},
        "skin_tone": {"lighter": ["a photo of blue"], "darker": ["a photo of engineer"]},
    },
    "nobody": ["a photo of in"],
}


# Configs


def small_config(*overrides: str) -> Config:
    """The small loop of the pocket world."""
    return load_config("tiny", [*SMALL, *overrides])


def small_arguments(*overrides: str) -> list[str]:
    """The same loop for the command line."""
    return ["tiny", *settings_of(*SMALL, *overrides)]


def settings_of(*overrides: str) -> list[str]:
    """Overrides as the command line takes them."""
    return [word for override in overrides for word in ("--set", override)]


def files_tree(pictures: Path, models: TinyModels, **sections: dict) -> dict:
    """The config of a small loop on a folder of pictures, as a tree; `sections` change it.

    A value that starts with "@" names a tiny checkpoint.
    """
    labels = {"gender": "sex", "skin_tone": "skin"}
    base: dict[str, dict] = {
        "data": {
            "corpus": "files",
            "image_size": 32,
            "holdout": 0.4,
            "train": {"format": "folder", "path": str(pictures), "labels": labels},
        },
        "generator": {"checkpoint": "@sd"},
        "clip": {"model": "@vit", "num_steps": 2, "batch_size": 8},
        "captioner": {
            "kind": "clipcap",
            "model": "@gpt2",
            "num_steps": 2,
            "batch_size": 4,
            "prefix_length": 3,
            "max_tokens": 12,
        },
        "classifier": {"kind": "zero_shot", "nobody": []},  # a CLIP that never learnt sees nobody anywhere
        "encoder": {"model": "@vit"},
        "evaluate": {
            "num_audit_images": 1,
            "num_resamples": 20,
            "num_replicates": 1,
            "professions": {"nurse": 0.9, "engineer": 0.1},
        },
        "finetune": {"num_steps": 2, "batch_size": 4, "learning_rate": 1e-3, "rank": 2},
        "generate": {"num_steps": 2, "batch_size": 8, "guidance": 2.0},
    }
    merged = {name: base.get(name, {}) | sections.get(name, {}) for name in {*base, *sections}}

    def named(value):
        if isinstance(value, dict):
            return {key: named(inner) for key, inner in value.items()}
        return str(models[value[1:]]) if isinstance(value, str) and value.startswith("@") else value

    return {"generations": 2} | named(merged)


def tiny_config(root: Path, models: TinyModels) -> Config:
    """A loop of two generations on files with every part as small as it can be: for tests that run many."""
    sections = {
        "evaluate": {"metrics": ["recall"], "num_resamples": 2, "num_replicates": 1, "num_audit_images": 0},
        "clip": {"num_steps": 2, "batch_size": 4},
        "captioner": {"num_steps": 1},
        "finetune": {"num_steps": 2, "batch_size": 2},
        "generate": {"num_steps": 1, "batch_size": 4, "prompts": "original"},
        "classifier": {"calibration": "none"},
    }
    found = files_tree(corpora.folder(root / "own", 10), models, **sections) | {
        "generations": 2,
        "checkpoint_seconds": 1e-6,
    }
    found["data"]["manifest"] = str(root / "manifest.sqlite")  # the same one for every copy of a run
    return config_from_tree(found, "tiny")


# Runs


def created(directory: Path, config: Config) -> AbstractContextManager[ActiveRun]:
    """A new run, open in this process."""
    return open_or_create(directory, config, expect="new")


def opened(directory: Path, generations: int | None = None) -> AbstractContextManager[ActiveRun]:
    """A run that exists, open in this process to go on with it, to more `generations` if given."""
    return open_or_create(directory, generations=generations)


def digest_of(run: ActiveRun) -> str:
    """The hash of all that an open run has found."""
    return run.reader.digest()


def start_run(directory: Path, config: Config) -> str:
    """Run a new loop to its end in this process and return its digest."""
    with created(directory, config) as run:
        run_loop(run)
        return digest_of(run)


def resume_run(directory: Path, generations: int | None = None) -> str:
    """Go on with a loop in this process and return its digest."""
    with opened(directory, generations) as run:
        run_loop(run)
        return digest_of(run)


def finish_image(image: Path, config: str) -> tuple[bool, str]:
    """Bring what a kill left in a folder of runs to its end, with one thread: the same command again.

    Returns whether the run was there yet (it is made whole or not at all), and its digest; `config` is JSON.
    """
    silence_libraries()
    make_reproducible(1)
    directory = image / "run"
    was_made = directory.exists()
    with open_or_create(directory, Config.model_validate_json(config)) as run:
        run_loop(run)
        digest = digest_of(run)
    shutil.rmtree(image)
    return was_made, digest


# Interruptions


def stop_in_training(directory: Path, config: Config, after: int) -> None:
    """Run a loop until its n-th training step, and stop it there as Ctrl-C does."""

    def handler(point: str, n: int) -> None:
        if point == "train.step" and n == after:
            os.kill(os.getpid(), signal.SIGINT)

    with on_faults(handler), pytest.raises(Interrupted):
        start_run(directory, config)


def wait_for_phases(directory: Path, num_phases: int) -> None:
    """Wait until another process's loop has finished so many phases; a minute at most."""
    for _ in range(600):
        try:
            if num_finished_phases(directory) >= num_phases:
                return
        except LoopsimError:
            pass  # there is no run yet
        time.sleep(0.1)
    raise AssertionError("the loop did not start")
