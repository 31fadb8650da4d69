"""Recall of pictures with different numbers of captions: a mean over captions, overall and in groups."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from loopsim.data.corpus import Corpus, Record
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.held_out import EvaluationSet
from loopsim.evaluation.measure import MEASURES, Measured
from loopsim.metrics.estimate import resampling_weights

NUM_CAPTIONS = (1, 6, 2, 5, 5, 0, 7, 3)
GENDERS = ["woman", "woman", "man", "man", "", "man", "woman", "man"]


@pytest.fixture(scope="module")
def found() -> tuple[Measured, np.ndarray]:
    """R@1 of eight pictures by a CLIP that finds some captions' pictures; whether it finds each."""
    rng = np.random.default_rng(0)
    images = torch.eye(len(NUM_CAPTIONS))
    owners = np.repeat(np.arange(len(NUM_CAPTIONS)), NUM_CAPTIONS)
    hits = rng.random(len(owners)) < 0.5
    seen = np.where(hits, owners, (owners + 1) % len(NUM_CAPTIONS))
    records = [Record(f"retrieval/0/{i}", ("a text",) * n, {}) for i, n in enumerate(NUM_CAPTIONS)]
    weights = resampling_weights(len(records), 300, 0)
    groups, values = {"gender": GENDERS}, {"gender": ("woman", "man")}
    fake = SimpleNamespace(
        retrieval=EvaluationSet(cast(Corpus, None), records, ("gender",), groups, values, weights),
        retrieval_features=images,
        clip=SimpleNamespace(encode_texts=lambda _: images[torch.from_numpy(seen)]),
    )
    first, *_ = MEASURES.get("recall").body(cast(Evaluation, fake))
    return first, hits


def test_recall_is_the_mean_over_captions_as_in_the_seed_paper(found: tuple[Measured, np.ndarray]) -> None:
    recall, hits = found
    of_caption = np.repeat(GENDERS, NUM_CAPTIONS)
    assert recall.estimates.overall.value == pytest.approx(hits.mean())
    for gender in ("woman", "man"):
        mine = recall.estimates[f"gender={gender}"]
        assert mine.value == pytest.approx(hits[of_caption == gender].mean())
        assert mine.n == 3  # pictures: one of the men's has no caption


def test_pictures_are_resampled_with_all_their_captions(found: tuple[Measured, np.ndarray]) -> None:
    recall, hits = found
    owners = np.repeat(np.arange(len(NUM_CAPTIONS)), NUM_CAPTIONS)
    times = resampling_weights(len(NUM_CAPTIONS), 300, 0)[:, owners]
    assert recall.estimates.overall.replicates == pytest.approx(times @ hits / times.sum(1), rel=1e-5)


def test_its_items_give_the_groups_again(found: tuple[Measured, np.ndarray]) -> None:
    recall, _ = found
    sums, counts = recall.items[np.array(GENDERS) == "woman"].sum(0)
    assert recall.estimates["gender=woman"].value == pytest.approx(sums / counts)
