"""A sweep is every combination, goes on after a kill, and reports over seeds."""

import json
from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, RunMismatch
from loopsim.core.interrupt import Interrupt
from loopsim.runs.catalog import MAX_NAME_BYTES, run_state
from loopsim.studies.calibration import CONTROL, DATA_ONLY
from loopsim.studies.sweep import by_setting, cell_name, cells_of, parse_axis, run_cell
from tests.helpers.command_line import in_runs, loopsim
from tests.helpers.loops import SMALL, settings_of, small_config


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


def test_a_long_setting_has_a_name_that_a_file_system_takes() -> None:
    long, other = ({"data.options.name": letter * 300, "seed": 1} for letter in ("ä", "ö"))
    names = {cell_name(long), cell_name(other)}
    assert len(names) == 2
    assert all(len(name.encode()) <= MAX_NAME_BYTES and name.startswith("name_") for name in names)
    assert cell_name({"data.options.a/b": "../x"}) == "a_b_.._x"


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_reports_over_seeds(tmp_path: Path) -> None:
    data_only = settings_of(*SMALL, *CONTROL, *DATA_ONLY, "generations=1", "data.num_train=24")
    words = ["sweep", "tiny", "--grid", "seed=[0, 1]", *data_only, *in_runs(tmp_path)]
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
