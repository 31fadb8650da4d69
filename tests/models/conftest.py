"""Scenes of the pocket world, of which everything is known."""

import numpy as np
import pytest
import torch

from loopsim.config import OpenMojiConfig
from loopsim.data.openmoji import OpenMojiCorpus

CORPUS = OpenMojiCorpus(OpenMojiConfig(), seed=1)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Forty scenes, uint8 [40, 64, 64, 3]."""
    return torch.from_numpy(np.stack([CORPUS.image(record) for record in CORPUS.records("retrieval", 40)]))


@pytest.fixture(scope="module")
def groups() -> list:
    """What is true of each of them."""
    return [record.groups for record in CORPUS.records("retrieval", 40)]
