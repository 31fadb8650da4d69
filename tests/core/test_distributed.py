"""Two processes draw the same samples as one."""

from pathlib import Path

import pytest

from loopsim.runs.catalog import run_state
from tests.helpers.command_line import in_two_processes
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
    in_two_processes(tmp_path, "start", *small_arguments("generations=1"), "--name", "two")
    assert run_state(tmp_path / "two").finished
    assert lineage(tmp_path / "two") == lineage(tmp_path / "one") != []
