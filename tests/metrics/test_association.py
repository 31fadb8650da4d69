"""The embedding association test against its definition."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings

from loopsim.metrics import association
from tests.helpers.oracles import CLOSE, SEEDS, cosine, normal


@settings(max_examples=20)
@given(SEEDS)
def test_weat_equals_its_definition(seed: int) -> None:
    x, y, a, b = (normal(seed + i, n, 5) for i, n in enumerate((5, 4, 3, 6)))

    def s(w: np.ndarray) -> float:
        return float(np.mean([cosine(w, p) for p in a]) - np.mean([cosine(w, q) for q in b]))

    scores_x, scores_y = [s(w) for w in x], [s(w) for w in y]
    d = (np.mean(scores_x) - np.mean(scores_y)) / np.std(scores_x + scores_y, ddof=1)
    found = association.association_test(x, y, a, b, num_permutations=200)
    assert found.effect_size == pytest.approx(d, **CLOSE)
    everything = np.array(scores_x + scores_y)
    chosen = [np.isin(np.arange(9), five) for five in combinations(range(9), 5)]
    extreme = [everything[x].mean() - everything[~x].mean() for x in chosen]
    exact = np.mean([difference >= np.mean(scores_x) - np.mean(scores_y) - 1e-12 for difference in extreme])
    assert found.p_value == pytest.approx(exact, abs=0.15)
