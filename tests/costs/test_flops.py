"""Published models have their published sizes."""

from pathlib import Path

import pytest

from loopsim.config import GeneratorConfig
from loopsim.costs.flops import diffusion_cost


def test_published_denoisers_have_their_published_sizes() -> None:
    sizes = {
        family: diffusion_cost(
            GeneratorConfig(checkpoint="a/b", family=family), Path("none"), 512
        ).num_weights
        for family in ("sd", "sdxl", "sd3")
    }
    assert sizes["sd"] == 859_520_964
    assert sizes["sdxl"] == 2_567_463_684
    assert sizes["sd3"] == pytest.approx(2.03e9, rel=0.03)
