"""What a new run's config is resolved to, and refused for."""

from pathlib import Path

import pytest

from loopsim.config import config_from_tree
from loopsim.core.errors import ConfigError, DataError
from loopsim.runs.resolve import read_config, resolve
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels


def test_a_name_that_nothing_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"compose\.policy.*'replase'.*did you mean 'replace'"):
        read_config("pocket", ["compose.policy=replase"])


def test_too_many_bad_rows_stop_a_run_and_say_which(tiny_models: TinyModels, tmp_path: Path) -> None:
    source = corpora.folder_source(corpora.bad_folder(tmp_path))
    tree = {
        "data": {"corpus": "files", "image_size": 32, "train": source, "holdout": 0.3},
        "classifier": {"kind": "zero_shot"},
    }
    tree |= {"generator": {"checkpoint": str(tiny_models["sd"])}, "clip": {"model": str(tiny_models["vit"])}}
    with pytest.raises(DataError, match=r"rows are bad.*more than data\.max_bad_share"):
        resolve(config_from_tree(tree, "t"), tmp_path / "runs")
    tree["data"]["max_bad_share"] = 1.0
    found = resolve(config_from_tree(tree, "t"), tmp_path / "runs")
    assert found.data.counts()["train"] + found.data.counts()["retrieval"] == 4
    tree["data"]["num_train"] = 50
    with pytest.raises(ConfigError, match="the corpus has"):
        resolve(config_from_tree(tree, "t"), tmp_path / "runs")
