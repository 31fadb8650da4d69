"""Killed at any instant and resumed, a run ends with the digest of one that was not."""

import multiprocessing
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from loopsim.config import Config, config_from_tree
from loopsim.context.phase_names import phase_names
from loopsim.core.errors import RunMismatch
from loopsim.runs.catalog import run_state
from loopsim.runs.verify import verify_run
from tests.helpers.checkpoints import TinyModels
from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.damage import copy_of, rewrite_config
from tests.helpers.faults import on_faults
from tests.helpers.loops import (
    files_tree,
    finish_image,
    resume_run,
    small_arguments,
    small_config,
    start_run,
    stop_in_training,
)
from tests.helpers.rows import finished_phases, samples_of

pytestmark = pytest.mark.hostile


@pytest.mark.slow
def test_the_fault_matrix(tiny: Config, tmp_path: Path, one_thread: None) -> None:
    """What a kill at each hit of each fault point leaves on disk resumes to the digest of an undisturbed run.

    The folder of the runs is copied at each hit: LMDB's pages reach its file at commit only, so a copy is
    what a killed process leaves.
    """
    images: list[tuple[str, int, Path]] = []
    folder = tmp_path / "runs"

    def photograph(point: str, n: int) -> None:
        image = tmp_path / "images" / f"{len(images):04d}"
        shutil.copytree(folder, image, ignore=shutil.ignore_patterns("lock.mdb", "lock"))
        images.append((point, n, image))

    with on_faults(photograph):
        digest = start_run(folder / "run", tiny)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        ends = list(
            pool.map(finish_image, [image for _, _, image in images], [tiny.model_dump_json()] * len(images))
        )
    different = [(point, n) for (point, n, _), (_, end) in zip(images, ends, strict=True) if end != digest]
    unmade = sum(not was_made for was_made, _ in ends)
    points = Counter(point for point, _, _ in images)
    print(f"{len(images)} pairs of point and hit over {len(points)} points: {dict(points)}")
    assert different == []
    assert len(images) > 200
    assert unmade <= 2
    assert {
        "store.commit.before",
        "store.commit.after",
        "artifact.rename.before",
        "artifact.rename.after",
        "train.step",
        "sample.batch",
    } <= set(points)
    assert {
        "artifact.fsync.before",
        "artifact.fsync.after",
        "artifact.durable",
        "checkpoint.before",
        "checkpoint.after",
        "phase.finish",
    } <= set(points)


@pytest.mark.slow
@pytest.mark.parametrize(
    "phase", ["compose", "evaluate", "generate"]
)  # the fault matrix has them all; these processes really die
def test_a_loop_killed_in_any_phase_ends_with_the_same_digest(
    tmp_path: Path, finished_run, phase: str
) -> None:
    # The n-th finishing of any phase: in generation 1 it is this phase's; the kill comes when all its work is
    # done and none of it is recorded.
    nth = len(phase_names(0, 2, 2)) + phase_names(1, 2, 2).index(phase) + 1
    where = ["--name", "killed", *in_runs(tmp_path)]
    killed = loopsim("start", *small_arguments(), *where, fault=f"phase.finish:{nth}")
    assert killed.returncode == -9, killed.stderr
    state = run_state(tmp_path / "killed")
    assert state.next_phase == f"generation 1, {phase}"
    assert resume_run(tmp_path / "killed") == finished_run[1]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["train.step:8", "store.commit.after:15"])
def test_a_loop_killed_within_a_phase_ends_with_the_same_digest(
    tmp_path: Path, finished_run, fault: str
) -> None:
    where = ["--name", "killed", *in_runs(tmp_path)]
    killed = loopsim("start", *small_arguments("checkpoint_seconds=0.01"), *where, fault=fault)
    assert killed.returncode == -9, killed.stderr
    again = loopsim("resume", *in_runs(tmp_path), fault="train.step:2")  # and once more while it goes on
    assert again.returncode == -9, again.stderr
    assert results_of(tmp_path / "killed", resume_run(tmp_path / "killed")) == results_of(*finished_run)


def results_of(directory: Path, digest: str) -> dict:
    """What a run found, without its config (the interval of checkpoints is part of that alone)."""
    assert verify_run(directory).digest == digest
    return finished_phases(directory)


def test_resume_redoes_at_most_the_batch_under_way(tmp_path: Path, finished_run) -> None:
    class Died(BaseException):
        pass

    drawn: list[int] = []

    def die(point: str, n: int) -> None:
        drawn.append(point == "sample.batch")
        if (
            point == "sample.batch" and n == 4
        ):  # generation 0: three audit batches of 20 images, then the first of S_1
            raise Died

    with on_faults(die), pytest.raises(Died):
        start_run(tmp_path / "run", small_config())
    assert len(samples_of(tmp_path / "run", 1)) == 8
    drawn.clear()
    with on_faults(lambda point, n: drawn.append(point == "sample.batch")):
        assert resume_run(tmp_path / "run") == finished_run[1]
    assert (
        sum(drawn) == 1 + 3 + 3 + 2 + 3
    )  # the rest of S_1, the audits of the replicate and of g = 1, S_2, the audit of g = 2


def test_an_extended_run_equals_one_that_was_planned_longer(tmp_path: Path, finished_run) -> None:
    start_run(tmp_path / "run", small_config("generations=1"))
    assert resume_run(tmp_path / "run", generations=2) == finished_run[1]


def test_a_finished_phase_that_no_longer_matches_is_refused(tmp_path: Path, finished_run) -> None:
    directory = copy_of(finished_run, tmp_path)
    rewrite_config(directory, "clip", num_steps=4)
    with pytest.raises(RunMismatch, match="phase train_clip of generation 0"):
        resume_run(directory)


def test_a_loop_on_files_resumes_to_the_same_digest(
    own_pictures: Path, tiny_models: TinyModels, tmp_path: Path
) -> None:
    sections = {"finetune": {"num_steps": 6, "ema_decay": 0.9}, "clip": {"num_steps": 4}}
    config = config_from_tree(
        files_tree(own_pictures, tiny_models, **sections) | {"generations": 1, "checkpoint_seconds": 1e-6},
        "t",
    )
    clean = start_run(tmp_path / "clean", config)
    stop_in_training(tmp_path / "stopped", config, after=9)
    assert not run_state(tmp_path / "stopped").finished
    assert resume_run(tmp_path / "stopped") == clean
