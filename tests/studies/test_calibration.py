"""Calibration counts false verdicts, and shifts that were planted and found."""

from pathlib import Path

import pytest

from loopsim.config import load_config
from loopsim.core.interrupt import Interrupt
from loopsim.report.summary import DriftRow, Summary
from loopsim.store.rows import MetricRow
from loopsim.studies.calibration import (
    CONTROL,
    DATA_ONLY,
    PLANTED,
    calibrate,
    false_verdicts,
    found_shifts,
    true_drift,
)


@pytest.mark.slow
def test_calibration_runs_its_loops_and_counts(tmp_path: Path) -> None:
    few = [
        "data.num_train=60",
        "evaluate.num_audit_images=2",
        "evaluate.num_resamples=100",
        "generate.batch_size=64",
    ]
    configs = {
        "null-000": load_config("tiny", [*CONTROL, *DATA_ONLY, *few]),
        "shift-000": load_config("tiny", [*CONTROL, *DATA_ONLY, *PLANTED, *few]),
    }
    with Interrupt() as interrupt:
        found = calibrate(tmp_path, configs, interrupt, lambda *_: None)
    assert found.null[-1].rows == "data alone: together"
    assert found.null[-1].num_verdicts > 20
    assert [row.num_intervals for row in found.planted] == [3, 2, 2, 7]


def drift_row(
    verdict: str, *, metric: str = "dataset_share", generation: int = 3, low: float = -0.1, high: float = 0.1
) -> DriftRow:
    return DriftRow(generation, metric, "gender=woman", 0.0, low, high, 0.5, None, verdict)


def metric_row(metric: str) -> MetricRow:
    return MetricRow(
        generation=0, metric=metric, group="gender=woman", value=0.3, n=10, low=0.2, high=0.4, is_bias=False,
        reason=None, section="data", baseline=0, has_model=False,
    )  # fmt: skip


def test_false_verdicts_and_found_shifts_are_counted() -> None:
    def loop(*rows: DriftRow) -> Summary:
        return Summary("run", [0], [metric_row("dataset_share")], list(rows), None)

    still = drift_row("rose", low=0.0, high=0.0)  # nothing random could move it
    quiet, loud = (
        loop(drift_row("no evidence"), drift_row("no evidence"), still),
        loop(drift_row("rose"), drift_row("no evidence")),
    )
    rate = list(false_verdicts([quiet, loud, quiet], "x"))[-1]
    assert (rate.num_verdicts, rate.num_false, rate.num_loops) == (6, 1, 3)
    assert (rate.num_generations, rate.num_false_generations) == (3, 1)
    assert 0 <= rate.low <= rate.rate <= rate.high <= 1
    config = load_config("tiny", [*CONTROL, *PLANTED])
    truth = true_drift(config, 3, 0)
    assert 0.2 < truth < 0.25  # two and three steps of ten points, less what the bound at 1 cuts off
    hit, miss = (
        drift_row("rose", low=truth - 0.01, high=truth + 0.01),
        drift_row("no evidence", low=0.5, high=0.6),
    )
    first = found_shifts([loop(hit), loop(miss)], config)[0]
    assert (first.num_loops, first.num_found, first.num_intervals, first.num_covered) == (2, 1, 2, 1)
