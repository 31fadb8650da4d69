"""Two processes draw the same samples as one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loopsim.runs.catalog import run_state
from tests.helpers.command_line import in_runs
from tests.helpers.loops import small_arguments, small_config, start_run
from tests.helpers.rows import samples_of


def lineage(directory: Path) -> list[tuple]:
    return [
        (generation, row.index, row.seed, row.slot, row.origin)
        for generation in (0, 1, 2)
        for row in samples_of(directory, generation)
    ]


@pytest.mark.slow
def test_two_processes_draw_the_same_samples_in_the_same_order(tmp_path: Path) -> None:
    start_run(tmp_path / "one", small_config("generations=1"))
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        "29517",
        "-m",
        "loopsim",
        "start",
    ]
    where = ["--name", "two", *in_runs(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*launch, *small_arguments("generations=1"), *where],
        capture_output=True,
        text=True,
        env=environment,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert run_state(tmp_path / "two").finished
    assert lineage(tmp_path / "two") == lineage(tmp_path / "one") != []
