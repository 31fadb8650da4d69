"""What remedies cost is measured on real drawing: each of them changes what is drawn, but for none."""

import numpy as np
import pytest

from loopsim.benchmarks import remedies
from loopsim.config import load_config


@pytest.mark.slow
def test_each_is_timed_beside_plain_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies, "NUM_PICTURES", 2)
    monkeypatch.setattr(remedies, "NUM_TURNS", 1)
    found = remedies.drawing_costs(load_config("tiny", ["generate.num_steps=2"]))
    assert [row.name for row in found] == ["nothing", "latent direction", "watermark", "neon", "sims"]
    assert all((row.plain > 0).all() and (row.changed > 0).all() for row in found)
    row = remedies.DrawingCost("x", np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 12.0]))
    assert row.ratio == 2
    assert row.spread == (1.5, 2.5)
