"""Seeded sampling follows the probabilities and stays in the nucleus."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loopsim.models.captioners.decoding import _SeededNucleus


@settings(max_examples=30)
@given(top_p=st.floats(0.05, 1.0), seed=st.integers(0, 1000))
def test_nucleus_sampling_never_leaves_the_nucleus(top_p: float, seed: int) -> None:
    logits = torch.randn(1, 30, generator=torch.Generator().manual_seed(seed)) * 2
    ranked, order = logits.softmax(-1)[0].sort(descending=True)
    size = int((ranked.cumsum(0) < top_p).sum()) + 1
    chosen = _SeededNucleus([seed], 1.0, top_p)(torch.zeros(1, 0), logits).argmax(-1).item()
    assert chosen in order[:size].tolist()


def test_seeded_sampling_follows_the_probabilities() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).expand(4000, -1)
    chosen = _SeededNucleus(range(4000), 1.0, 1.0)(torch.zeros(1, 0), logits).argmax(-1)
    assert torch.bincount(chosen, minlength=4) / 4000 == pytest.approx(
        torch.tensor([0.5, 0.3, 0.15, 0.05]), abs=0.03
    )
