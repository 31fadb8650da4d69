"""Drift over runs: the seed is the unit, and only what all runs have is compared."""

import pytest

from loopsim.report.seeds import drift_rows, seeds_as_json
from loopsim.report.summary import DriftRow, Summary
from tests.helpers.estimates import estimate


def run_with(*drifts: tuple[int, float]) -> Summary:
    rows = [
        DriftRow(g, "recall@1", "overall", delta, delta - 1, delta + 1, 0.5, None, "no evidence")
        for g, delta in drifts
    ]
    return Summary("run", [0, 1], [estimate(0, "recall@1", 0.5)], rows, None)


def test_the_mean_drift_has_an_interval_over_seeds_where_all_runs_have_it() -> None:
    (row,) = drift_rows([run_with((1, 0.10)), run_with((1, 0.12)), run_with((1, 0.11), (2, 9.0))])
    assert (row.generation, row.metric, row.num_seeds) == (1, "recall@1", 3)
    assert row.delta == pytest.approx(0.11)
    assert 0 < row.low < 0.11 < row.high
    assert row.verdict == "rose"
    assert seeds_as_json([({"compose.alpha": 0.5}, [row])])[0]["drift"][0]["num_seeds"] == 3


def test_one_seed_has_no_interval() -> None:
    assert drift_rows([run_with((1, 0.1))]) == []


def test_a_bias_that_has_turned_in_all_runs_is_seen_over_them() -> None:
    """Each run's |m| is as large as before."""

    def turned(start: float, end: float) -> Summary:
        delta = abs(end) - abs(start)
        row = DriftRow(1, "ieat", "overall", delta, delta - 1, delta + 1, 0.5, None, "no evidence", 1.0, True)
        values = [estimate(0, "ieat", start, is_bias=True), estimate(1, "ieat", end, is_bias=True)]
        return Summary("run", [0, 1], values, [row], None)

    (row,) = drift_rows([turned(-0.5, 0.5), turned(-0.48, 0.52), turned(-0.51, 0.47)])
    assert row.verdict == "reversed"
    assert row.delta == pytest.approx(0, abs=0.01)
    (noise,) = drift_rows([turned(-0.5, 0.5), turned(0.4, -0.45), turned(-0.2, 0.25)])
    assert noise.verdict == "no evidence"
