"""The same numbers from the same work, again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from loopsim.config import config_from_tree
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels
from tests.helpers.loops import files_tree, start_run


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="this torch computes without MKL")
def test_matrix_products_are_asked_to_be_repeatable() -> None:
    code = (
        "from loopsim.core.reproducibility import make_reproducible; make_reproducible(); import torch; a = "
        "torch.ones(64, 64); a @ a"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"} | {
        "MKL_VERBOSE": "1"
    }
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert "CNR:AUTO,STRICT Dyn:0" in said


def test_bf16_training_moves_the_same_weights(tiny_models: TinyModels, tmp_path: Path) -> None:
    own = corpora.folder(tmp_path / "own", 12)
    sections = {
        "device": {"name": "cpu", "precision": "bf16", "channels_last": True},
        "evaluate": {"metrics": ["recall"], "num_replicates": 1},
    }
    config = config_from_tree(files_tree(own, tiny_models, **sections) | {"generations": 1}, "t")
    first = start_run(tmp_path / "one", config)
    assert start_run(tmp_path / "two", config) == first
