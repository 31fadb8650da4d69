"""Audits, sweeps, calibration and the benchmark's parts: what measures more than one loop."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, loopsim, small_config

from loopsim.benchmarks.metrics import GALLERY
from loopsim.config import load_config
from loopsim.core.errors import ConfigError, RunMismatch
from loopsim.core.interrupt import Interrupt
from loopsim.metrics.similarity import group_self_similarity, self_similarity
from loopsim.report.summary import DriftRow, Summary, run_state
from loopsim.studies.calibration import (
    CONTROL,
    DATA_ONLY,
    PLANTED,
    calibrate,
    false_verdicts,
    found_shifts,
    true_share,
)
from loopsim.studies.sweep import by_setting, cells_of, parse_axis, run_cell


def test_an_audit_of_the_base_model_has_shares_with_intervals_and_a_slope(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text(
        "a photo of a mechanic\t0.018\na photo of a receptionist\t0.906\na photo of a person\n"
    )
    words = ["audit", "--prompts", str(tmp_path / "prompts.txt"), "--images", "6"]
    document = json.loads(loopsim(*words, "--json").stdout)
    rows = {(row["prompt"], row["attribute"]): row for row in document["prompts"]}
    assert len(rows) == 6
    mechanic, receptionist = (
        rows[f"a photo of a {name}", "gender"]["shares"]["woman"] for name in ("mechanic", "receptionist")
    )
    assert mechanic["value"] < receptionist["value"]
    assert all(share["low"] <= share["value"] <= share["high"] for share in (mechanic, receptionist))
    assert document["against_world"]["slope"]["value"] > 0
    shown = loopsim(*words)
    assert "women" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("text", "words"), [("", "no prompt"), ("a cook\t1.5", "line 1"), ("a cook\tmany", "line 1")]
)
def test_bad_prompts_are_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "prompts.txt").write_text(text)
    failed = loopsim("audit", "--prompts", str(tmp_path / "prompts.txt"))
    assert failed.returncode == 2
    assert words in failed.stderr


def test_a_runs_generator_is_audited(finished_run, tmp_path: Path) -> None:
    directory, _ = finished_run
    (tmp_path / "prompts.txt").write_text("a photo of a cook\n")
    words = ["--prompts", str(tmp_path / "prompts.txt"), "--images", "2", "--runs-dir", str(directory.parent)]
    assert f"{directory.name}, SD_1" in loopsim("audit", directory.name, *words).stdout
    failed = loopsim("audit", directory.name, "-g", "7", *words)
    assert failed.returncode == 9
    assert "SD_0, SD_1" in failed.stderr


def test_a_grid_is_every_combination_and_is_checked_before_it_runs() -> None:
    cells = cells_of("tiny", {"seed": [0, 1], "compose.alpha": [0.2, 0.5]})
    assert [cell.name for cell in cells] == [
        "seed_0-alpha_0.2",
        "seed_0-alpha_0.5",
        "seed_1-alpha_0.2",
        "seed_1-alpha_0.5",
    ]
    assert [(setting, len(mine)) for setting, mine in by_setting(cells)] == [
        ({"compose.alpha": 0.2}, 2),
        ({"compose.alpha": 0.5}, 2),
    ]
    assert parse_axis("compose.policy=['replace', 'accumulate']") == (
        "compose.policy",
        ["replace", "accumulate"],
    )
    with pytest.raises(ConfigError, match="--grid alpha=3"):
        parse_axis("alpha=3")
    with pytest.raises(ConfigError, match="alpha"):
        cells_of("tiny", {"compose.alpha": [0.5, 7]})


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_reports_over_seeds(tmp_path: Path) -> None:
    data_only = [
        word
        for override in (*SMALL, *CONTROL, *DATA_ONLY, "generations=1", "data.num_train=24")
        for word in ("--set", override)
    ]
    words = ["sweep", "tiny", "--grid", "seed=[0, 1]", *data_only, "--runs-dir", str(tmp_path)]
    killed = loopsim(*words, fault="phase.finish:14")
    assert killed.returncode == -9, killed.stderr
    assert run_state(tmp_path / "sweep" / "seed_0").finished
    document = json.loads(loopsim(*words, "--json").stdout)
    assert run_state(tmp_path / "sweep" / "seed_1").finished
    (setting,) = document
    shares = [
        row for row in setting["drift"] if (row["metric"], row["group"]) == ("dataset_share", "gender=woman")
    ]
    assert [row["num_seeds"] for row in shares] == [2]
    assert shares[0]["low"] <= shares[0]["delta"] <= shares[0]["high"]
    assert "over 2 seeds" in loopsim(*words).stdout
    with pytest.raises(RunMismatch, match="another config"), Interrupt() as interrupt:
        run_cell(tmp_path / "sweep" / "seed_0", small_config(), interrupt)


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


def test_false_verdicts_and_found_shifts_are_counted() -> None:
    def loop(*rows: DriftRow) -> Summary:
        return Summary("run", [0], [_metric_row("dataset_share")], list(rows), None)

    still = drift_row("rose", low=0.0, high=0.0)  # nothing random could move it
    quiet, loud = (
        loop(drift_row("no evidence"), drift_row("no evidence"), still),
        loop(drift_row("rose"), drift_row("no evidence")),
    )
    rate = list(false_verdicts([quiet, loud, quiet], "x"))[-1]
    assert (rate.num_verdicts, rate.num_false, rate.num_loops) == (6, 1, 3)
    assert 0 <= rate.low <= rate.rate <= rate.high <= 1
    config = load_config("tiny", [*CONTROL, *PLANTED])
    truth = true_share(config, 3) - true_share(config, 0)
    assert 0.25 < truth < 0.3  # three steps of ten points, less what the bound at 1 cuts off
    hit, miss = (
        drift_row("rose", low=truth - 0.01, high=truth + 0.01),
        drift_row("no evidence", low=0.5, high=0.6),
    )
    first = found_shifts([loop(hit), loop(miss)], config)[0]
    assert (first.num_loops, first.num_found, first.num_intervals, first.num_covered) == (2, 1, 2, 1)


def _metric_row(metric: str):
    from loopsim.report.summary import MetricRow

    return MetricRow(0, metric, "gender=woman", 0.3, 10, 0.2, 0.4, False, None, "data", 0, False)


def test_self_similarity_of_all_groups_at_once_is_that_of_each() -> None:
    rng = np.random.default_rng(0)
    features, group = rng.normal(size=(50, 6)).astype(np.float32), rng.integers(0, 3, 50)
    found = group_self_similarity(features, group, 4)
    for g in range(3):
        assert found[g] == pytest.approx(
            self_similarity(features)(np.ones((1, 50), np.float32), group == g)[0], rel=1e-5
        )
    assert np.isnan(found[3])
    assert GALLERY == 25_000
