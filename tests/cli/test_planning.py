"""`plan` prints a table."""

from pathlib import Path

import pytest

from loopsim.config import load_config
from loopsim.core.errors import ConfigError
from loopsim.costs.plan import plan
from tests.helpers.command_line import in_runs, loopsim_here
from tests.helpers.loops import CONFIGS


def test_the_plan_command_prints_a_table(tmp_path: Path) -> None:
    done = loopsim_here("plan", str(CONFIGS / "paper_coco.toml"), *in_runs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "113,287 train images" in done.stdout.replace("\n", " ")
    with pytest.raises(ConfigError, match=r"data\.expected"):
        plan(load_config(str(CONFIGS / "own_folder.toml")), tmp_path, "test", 1e12)
