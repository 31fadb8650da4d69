"""Whether S_g's pictures fit their captions, how sharp they are, and how alike: all with models that no
generation trains.
"""

from collections.abc import Callable, Iterator

import numpy as np

from loopsim.context.training_set import TrainingSet
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured, unmeasured
from loopsim.metrics import artefacts as artefact_metrics
from loopsim.metrics import captions as caption_metrics
from loopsim.metrics import similarity
from loopsim.metrics.estimate import by_group, weighted_mean

NO_SAMPLES = "generation 0 has no samples"


def clip_score(e: Evaluation) -> Iterator[Measured]:
    """How well S_g's pictures fit their captions, under the frozen CLIP."""
    if e.samples is None:
        yield unmeasured("clip_score", 0, NO_SAMPLES, baseline=1)
        return
    texts = e.frozen_clip.encode_texts([e.samples.captions(i)[0] for i in range(len(e.samples))])
    yield _sample_means(e, "clip_score", caption_metrics.clip_score(e.sample_features, texts.numpy()))


CLIP_SCORE = Measure("clip_score", "quality", asks_model=False, body=clip_score)


def artefacts(e: Evaluation) -> Iterator[Measured]:
    """Sharpness and fine detail of D_g and S_g (of the people in them, where there is a detector), by group;
    D_0 gives the real pictures' values.
    """
    groups, values = e.groups_of(e.dataset_labels)
    for name, score in (
        ("sharpness", artefact_metrics.sharpness),
        ("high_frequency", artefact_metrics.high_frequency_ratio),
    ):
        scores = _by_batch(score, e, e.dataset)
        estimates = by_group(weighted_mean(scores), groups, values, len(scores), e.weights_of(e.dataset))
        yield Measured(f"dataset_{name}", estimates, scores)
        if e.samples is None:
            yield unmeasured(f"sample_{name}", 0, NO_SAMPLES, baseline=1)
        else:
            yield _sample_means(e, f"sample_{name}", _by_batch(score, e, e.samples))


ARTEFACTS = Measure("artefacts", "quality", asks_model=False, body=artefacts)


def homogenisation(e: Evaluation) -> Iterator[Measured]:
    """How alike the pictures of a group in S_g are, in the frozen CLIP."""
    if e.samples is None:
        yield unmeasured("homogenisation", 0, NO_SAMPLES, baseline=1)
        return
    groups, values = e.groups_of(e.sample_labels)
    statistic, weights = similarity.homogenisation(e.sample_features), e.weights_of(e.samples)
    found = by_group(statistic, groups, values, len(e.samples), weights)
    yield Measured("homogenisation", found, baseline=1)


HOMOGENISATION = Measure("homogenisation", "quality", asks_model=False, body=homogenisation)


def _by_batch(score: Callable[[np.ndarray], np.ndarray], e: Evaluation, data: TrainingSet) -> np.ndarray:
    return np.concatenate([score(e.people(batch).numpy()) for batch in data.batches()])


def _sample_means(e: Evaluation, metric: str, scores: np.ndarray) -> Measured:
    groups, values = e.groups_of(e.sample_labels)
    estimates = by_group(weighted_mean(scores), groups, values, len(scores), e.weights_of(e.samples))
    return Measured(metric, estimates, scores, baseline=1)
