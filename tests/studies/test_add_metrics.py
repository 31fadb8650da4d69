"""A metric is measured after the run."""

from pathlib import Path

import pytest

from loopsim.report.summary import summarize
from loopsim.runs.verify import verify_run
from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.damage import copy_of


@pytest.mark.slow
def test_a_metric_is_added_to_a_finished_run_and_the_seals_hold(tmp_path: Path, finished_run) -> None:
    copy_of(finished_run, tmp_path)
    where = in_runs(tmp_path)
    added = loopsim("evaluate", "run", "--metric", "lic", *where)
    assert added.returncode == 0, added.stderr
    assert "measured in 3 generations" in added.stdout
    values = [
        row for row in summarize(tmp_path / "run").metrics if row.metric == "lic" and row.group == "overall"
    ]
    assert [row.generation for row in values] == [0, 1, 2]
    assert all(-100 <= row.value <= 100 for row in values)
    assert verify_run(tmp_path / "run").num_seals == 3
    assert "names no model" in loopsim(
        "evaluate", "run", "--metric", "lic_transformer", *where
    ).stdout.replace("\n", " ")
    assert loopsim("evaluate", "run", "--metric", "recall", *where).returncode == 2
    assert "did you mean 'lic'" in loopsim("evaluate", "run", "--metric", "licc", *where).stderr
