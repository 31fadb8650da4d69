"""LIC: both terms learn from as many texts, and the difference has replicates, so that it has drift."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from loopsim.data.corpus import Corpus, Record
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.evaluation.measure import Measured
from loopsim.evaluation.measures import leakage
from loopsim.metrics.estimate import Estimate, resampling_weights
from loopsim.metrics.lic import over_seeds
from loopsim.models.text_classifier import Predictor, train_bilstm

SEEDS = 3
GENDERS = ["woman", "man"] * 60
rng = np.random.default_rng(0)
BETRAYED = [g if rng.random() < 0.95 else o for g, o in zip(GENDERS, GENDERS[1:] + GENDERS[:1], strict=True)]
WRITTEN = [
    f"a {g}'s {'bouquet' if seen == 'woman' else 'wrench'}" for g, seen in zip(GENDERS, BETRAYED, strict=True)
]


def quick(texts: list[str], classes: list[int], num_classes: int, seed: int) -> Predictor:
    return train_bilstm(texts, classes, num_classes, seed, num_epochs=4, learning_rate=3e-3)


def measured(captions: list[tuple[str, ...]], written: list[str] = WRITTEN) -> dict[str, Measured]:
    records = [
        Record(f"retrieval/0/{i}", said, {"gender": gender})
        for i, (said, gender) in enumerate(zip(captions, GENDERS, strict=True))
    ]
    weights = resampling_weights(len(records), 100, 0)
    on = EvaluationSet(cast(Corpus, None), records, ("gender",), {}, {}, weights)
    config = SimpleNamespace(seed=0, evaluate=SimpleNamespace(num_lic_seeds=SEEDS))
    fake = SimpleNamespace(retrieval=on, written=written, config=config)
    return {m.metric: m for m in leakage._lic(cast(Evaluation, fake), "lic", quick)}


def overall(found: dict[str, Measured], metric: str) -> Estimate:
    return found[metric].estimates.overall


def test_five_human_captions_that_are_the_models_own_leak_as_much() -> None:
    """Pooled, they gave D five times the data and steps of M: LIC was -9.2."""
    found = measured([(text,) * 5 for text in WRITTEN])
    assert overall(found, "lic").value == pytest.approx(0, abs=1e-6)
    assert overall(found, "lic_model").value == pytest.approx(overall(found, "lic_data").value)
    assert overall(found, "lic_model").value > 35  # they do leak: what is uninformed has 25


def test_captions_that_betray_nothing_leak_less_and_the_difference_has_an_interval() -> None:
    plain = [("a person's thing",) * 2 for _ in WRITTEN]
    found = overall(measured(plain), "lic")
    assert found.is_bias
    assert found.replicates is not None
    assert found.replicates.shape == (100,)
    assert found.low is not None
    assert 0 < found.low <= found.value <= found.high


def test_only_caption_indices_that_every_picture_has_are_read() -> None:
    some = [(text, "x") if i else (text,) for i, text in enumerate(WRITTEN)]
    assert overall(measured(some), "lic").value == pytest.approx(0, abs=1e-6)


def test_a_mean_over_seeds_agrees_with_a_slow_one_and_is_resampled_over_both() -> None:
    scores = np.array([[1.0, np.nan, 3.0, 5.0], [np.nan, 2.0, 4.0, np.nan]])
    value, replicates = over_seeds(scores, np.ones((50, 4), np.float32), 0)
    assert value == pytest.approx((3.0 + 3.0) / 2)
    assert set(np.round(replicates, 4)) == {3.0}
    uneven = np.array([[1.0, 1.0], [3.0, 3.0]])
    _, replicates = over_seeds(uneven, np.ones((400, 2), np.float32), 0)
    assert set(np.round(replicates, 4)) == {1.0, 2.0, 3.0}
    assert replicates.mean() == pytest.approx(2, abs=0.1)
