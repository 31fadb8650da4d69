"""Distances between sets: their intervals hold their own value, and cover; so do those of their drift."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.core.rng import seed_for
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import MEASURES
from loopsim.metrics.estimate import Estimate, percentile_interval, resampling_weights
from tests.helpers.oracles import normal

NUM, WIDTH = 60, 24
REFERENCE, TRAINING = (normal(seed, NUM, WIDTH) for seed in (1, 2))
DISTANCES = ("fd_clip", "kid_clip", "cmmd_clip", "vendi")


def measured(features: np.ndarray, seed: int) -> dict[str, Estimate]:
    """The distances of a set from the reference, and its variety."""
    held = {"reference features": REFERENCE, "training features": TRAINING}
    weights = resampling_weights(NUM, 100, seed_for("test", seed))
    fake = SimpleNamespace(
        samples=range(NUM),
        sample_features=features,
        weights_of=lambda _: weights,
        weights=lambda n, *_: weights,
        corpus=SimpleNamespace(reference=lambda _: ()),
        config=SimpleNamespace(
            data=SimpleNamespace(counts=lambda: {"train": NUM}), evaluate=SimpleNamespace(max_pictures=NUM)
        ),
        context=SimpleNamespace(models=SimpleNamespace(remember=lambda key, _: held[key[0]])),
    )
    found = MEASURES.get("distribution").body(cast(Evaluation, fake))
    return {m.metric.removeprefix("sample_"): m.estimates.overall for m in found}


def drawn(seed: int, spread: float) -> np.ndarray:
    """Pictures' features, less varied where `spread` is smaller."""
    x = normal(seed, NUM, WIDTH)
    x[:, 4:] *= spread
    return x


@pytest.fixture(scope="module")
def loops() -> list[tuple[dict[str, Estimate], dict[str, Estimate]]]:
    """A hundred loops whose pictures become less varied: S_1, and a later S_g."""
    return [
        (measured(drawn(1000 + seed, 1.0), seed), measured(drawn(2000 + seed, 0.3), seed))
        for seed in range(100)
    ]


@pytest.mark.parametrize("name", DISTANCES)
def test_an_interval_holds_its_value_and_covers_that_of_other_pictures(name: str, loops: list) -> None:
    for generation in (0, 1):
        found = [loop[generation][name] for loop in loops]
        assert all(one.low <= one.value <= one.high for one in found)
        expected = np.mean([one.value for one in found])
        assert np.mean([one.low <= expected <= one.high for one in found]) >= 0.88


@pytest.mark.parametrize("name", DISTANCES)
def test_drift_covers_too_although_resampling_moves_the_two_by_different_amounts(
    name: str, loops: list
) -> None:
    expected = np.mean([end[name].value - start[name].value for start, end in loops])
    covered = 0
    for start, end in ((start[name], end[name]) for start, end in loops):
        delta = end.value - start.value
        low, high = percentile_interval(end.replicates - start.replicates)
        covered += 2 * delta - high <= expected <= 2 * delta - low  # the basic interval, as drift's
    assert covered >= 85
