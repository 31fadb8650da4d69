"""Blur and lost detail in pictures."""

import numpy as np
import pytest
from hypothesis import given, settings

from loopsim.metrics import artefacts
from tests.helpers.oracles import SEEDS


def test_blur_lowers_sharpness_and_fine_detail() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    smooth = noise.copy()
    for _ in range(3):
        smooth = (
            (
                smooth.astype(int)
                + np.roll(smooth, 1, 1)
                + np.roll(smooth, 1, 2)
                + np.roll(smooth, (1, 1), (1, 2))
            )
            // 4
        ).astype(np.uint8)
    assert (artefacts.sharpness(smooth) < artefacts.sharpness(noise)).all()
    assert (artefacts.high_frequency_ratio(smooth) < artefacts.high_frequency_ratio(noise)).all()
    assert np.isnan(artefacts.high_frequency_ratio(np.full((1, 8, 8, 3), 7, np.uint8))).all()


@settings(max_examples=10)
@given(SEEDS)
def test_artefact_measures_equal_their_definitions(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    luma = image.astype(float) @ [0.299, 0.587, 0.114]
    padded = np.pad(luma, 1, mode="edge")
    laplacian = [
        padded[i - 1, j] + padded[i + 1, j] + padded[i, j - 1] + padded[i, j + 1] - 4 * padded[i, j]
        for i in range(1, 9)
        for j in range(1, 9)
    ]
    assert artefacts.sharpness(image[None])[0] == pytest.approx(np.var(laplacian), rel=1e-5)
    total = high = 0.0
    for u in range(8):
        for v in range(8):
            if (u, v) != (0, 0):
                wave = np.exp(-2j * np.pi * (u * np.arange(8)[:, None] + v * np.arange(8)[None, :]) / 8)
                energy = abs(np.sum(luma * wave)) ** 2
                total += energy
                high += energy * (np.hypot(min(u, 8 - u) / 8, min(v, 8 - v) / 8) > 0.25)
    assert artefacts.high_frequency_ratio(image[None])[0] == pytest.approx(high / total, rel=1e-4)
