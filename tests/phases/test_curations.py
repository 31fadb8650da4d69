"""Which candidates are kept."""

import numpy as np

from loopsim.phases.curations.curation import CURATIONS


def kept(curation: str, scores: list[float], groups: list[int], num_kept: int) -> list[bool]:
    return [is_kept for is_kept, _ in CURATIONS.get(curation).decide(np.array(scores), groups, num_kept)]


def test_curation_keeps_the_best() -> None:
    scores, groups = [0.1, 0.9, 0.5, 0.5], [0, 0, 1, 1]
    assert kept("best_share", scores, groups, 2) == [False, True, True, False]
    assert kept("best_of_k", scores, groups, 2) == [False, True, True, False]
    assert all(kept("none", scores, groups, 4))
