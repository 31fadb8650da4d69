"""What a config will cost, before it is run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from loopsim.config import config_from_tree, load_config
from loopsim.core.device import Device
from loopsim.core.errors import ConfigError
from loopsim.costs.plan import measured_rate, plan, rows_of, stated_rate
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import CONFIGS, files_tree, start_run
from tests.helpers.rows import samples_of

LOOPS = sorted(path.stem for path in CONFIGS.glob("*.toml") if "[arms." not in path.read_text("utf-8"))


@pytest.mark.parametrize("name", LOOPS)
def test_every_config_has_a_plan(name: str, tmp_path: Path) -> None:
    config = load_config(
        str(CONFIGS / f"{name}.toml"), ["data.expected={train = 1000, retrieval = 100, faces = 100}"]
    )
    rows, notes = rows_of(plan(config, tmp_path, "test", 1e14), every=False)
    assert {row.phase for row in rows} >= {"train_clip", "train_captioner", "evaluate", "generate"}
    assert rows[-1].flops == pytest.approx(sum(row.flops for row in rows[:-1]))
    assert rows[-1].hours == pytest.approx(rows[-1].flops / 1e14 / 3600)
    assert all(np.isfinite([row.flops, row.disk]).all() for row in rows)
    assert notes


def test_a_plan_counts_what_the_loop_does(tiny_models: TinyModels, tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 24)
    config = config_from_tree(files_tree(own, tiny_models), "t")
    start_run(tmp_path / "runs/run", config)
    found = plan(config, tmp_path / "runs", "test", 1e12)
    drawn = {g + 1: len(samples_of(tmp_path / "runs/run", g + 1)) for g in range(2)}
    planned = {item.generation + 1: item.num_images for item in found.work if item.phase == "generate"}
    assert planned == drawn
    assert found.assumed == []  # the corpus has been read


def test_rates() -> None:
    assert stated_rate("a100", 0.5) == 156e12
    with pytest.raises(ConfigError, match="known are"):
        stated_rate("a101", 0.5)
    assert measured_rate(replace(Device(), sample_dtype=torch.float32), size=256, seconds=0.05) > 1e8
