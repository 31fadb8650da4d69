"""Batch sizes that are found on the machine."""

from pathlib import Path

import pytest

from loopsim.config import config_from_tree
from loopsim.runs.resolve import resolve
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import files_tree


@pytest.mark.slow
def test_auto_batches_become_numbers_of_the_run(tiny_models: TinyModels, tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 12)
    sections = {"generate": {"batch_size": "auto"}, "finetune": {"micro_batch": "auto", "batch_size": 4}}
    config = config_from_tree(files_tree(own, tiny_models, **sections), "t")
    found = resolve(config, tmp_path / "runs")
    assert 1 <= found.generate.batch_size <= 256
    assert 1 <= found.finetune.micro_batch <= 4
    assert resolve(found, tmp_path / "runs") == found
