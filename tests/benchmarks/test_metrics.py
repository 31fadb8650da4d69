"""The benchmark's parts measure what the loop measures."""

import numpy as np
import pytest

from loopsim.benchmarks.metrics import GALLERY
from loopsim.metrics.similarity import group_self_similarity, self_similarity


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
