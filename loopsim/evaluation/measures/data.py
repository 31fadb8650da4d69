"""Who is in D_g and S_g, and how S_g compares with real pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from loopsim.config import Config
from loopsim.context.model_loading import frozen_clip
from loopsim.context.training_set import TrainingSet, open_corpus, read_records
from loopsim.core.device import Device
from loopsim.data.corpus import Record
from loopsim.evaluation.evaluation import FEW_RESAMPLES, Evaluation, Measured, groups_by_label
from loopsim.metrics import artefacts as artefact_metrics
from loopsim.metrics import distribution as sets
from loopsim.metrics.captions import clip_score
from loopsim.metrics.estimate import (
    OVERALL,
    Disaggregated,
    Estimate,
    by_group,
    evaluated,
    not_available,
    weighted_mean,
)
from loopsim.metrics.representation import representation
from loopsim.metrics.similarity import homogenisation

NO_SAMPLES = "generation 0 has no samples"
NOTHING = np.zeros(0, np.float32)


def representation_of_data(e: Evaluation) -> Iterator[Measured]:
    """Shares of groups in D_g and S_g, as the pinned classifier sees them: raw, and corrected for its
    confusions.
    """
    for metric, labels, weights, baseline in (
        ("dataset_share", e.dataset_labels, e.weights_of(e.dataset), 0),
        ("sample_share", e.sample_labels, e.weights_of(e.samples), 1),
    ):
        attributes = [*e.attributes, *(["skin_type"] if "skin_type" in e.classifier.values else [])]
        for name, corrected in ((metric, False), (f"{metric}_corrected", True)):
            estimates = Disaggregated()
            for attribute in [a for a in attributes if not corrected or a in e.classifier.confusion]:
                confusion = np.array(e.classifier.confusion[attribute]) if corrected else None
                estimates |= representation(
                    [label[attribute] for label in labels],
                    e.classifier.values[attribute],
                    attribute,
                    weights,
                    confusion,
                )
            if estimates:
                yield Measured("data", name, estimates, _label_indices(e, labels), baseline)


def _label_indices(e: Evaluation, labels: list[dict[str, str]]) -> np.ndarray:
    return np.array(
        [[values.index(label[name]) for name, values in e.classifier.values.items()] for label in labels],
        np.float32,
    )


def _sample_means(e: Evaluation, metric: str, scores: np.ndarray) -> Measured:
    groups, values = groups_by_label(e.sample_labels, e)
    estimates = by_group(weighted_mean(scores), groups, values, len(scores), e.weights_of(e.samples))
    return Measured("quality", metric, estimates, scores, baseline=1)


def _unmeasured(metric: str, reason: str = NO_SAMPLES, n: int = 0) -> Measured:
    return Measured(
        "quality", metric, Disaggregated({OVERALL: not_available(n, reason)}), NOTHING, baseline=1
    )


def clip_scores(e: Evaluation) -> Iterator[Measured]:
    """How well S_g's pictures fit their prompts, under the frozen CLIP."""
    if e.samples is None:
        yield _unmeasured("clip_score")
        return
    texts = e.frozen_clip.encode_texts([e.samples.captions(i)[0] for i in range(len(e.samples))])
    yield _sample_means(e, "clip_score", clip_score(e.sample_features, texts.numpy()))


def artefacts(e: Evaluation) -> Iterator[Measured]:
    """Sharpness and fine detail of D_g and S_g (of the people in them, where there is a detector), by group;
    D_0 gives the real pictures' values.
    """
    groups, values = groups_by_label(e.dataset_labels, e)
    for name, measure in (
        ("sharpness", artefact_metrics.sharpness),
        ("high_frequency", artefact_metrics.high_frequency_ratio),
    ):
        scores = _by_batch(measure, e, e.dataset)
        estimates = by_group(weighted_mean(scores), groups, values, len(scores), e.weights_of(e.dataset))
        yield Measured("quality", f"dataset_{name}", estimates, scores)
        yield (
            _unmeasured(f"sample_{name}")
            if e.samples is None
            else _sample_means(e, f"sample_{name}", _by_batch(measure, e, e.samples))
        )


def _by_batch(measure: Callable[[np.ndarray], np.ndarray], e: Evaluation, data: TrainingSet) -> np.ndarray:
    return np.concatenate([measure(e.people(batch).numpy()) for batch in data.batches()])


def homogenisation_of_samples(e: Evaluation) -> Iterator[Measured]:
    """How alike the pictures of a group in S_g are, in the frozen CLIP."""
    if e.samples is None:
        yield _unmeasured("homogenisation")
        return
    groups, values = groups_by_label(e.sample_labels, e)
    found = by_group(
        homogenisation(e.sample_features), groups, values, len(e.samples), e.weights_of(e.samples)
    )
    yield Measured("quality", "homogenisation", found, NOTHING, baseline=1)


def distribution(e: Evaluation) -> Iterator[Measured]:
    """How near S_g is to as many fresh real pictures, how varied it is, and whether it repeats D_0; in the
    frozen CLIP's features.
    """
    names = (
        "fd_clip",
        "kid_clip",
        "cmmd_clip",
        "precision",
        "density",
        "recall",
        "coverage",
        "vendi",
        "memorisation",
    )
    k = 5
    if e.samples is None or len(e.samples) <= k:
        reason = NO_SAMPLES if e.samples is None else f"fewer than {k + 1} samples"
        yield from (
            _unmeasured(f"sample_{name}", reason, 0 if e.samples is None else len(e.samples))
            for name in names
        )
        return
    config = e.config.model_dump_json(exclude={"generations"})
    training = _training_features(config, e.context.weights, e.context.device)
    reference = _reference_features(config, e.context.weights, e.context.device, len(e.samples))
    # Sets of equal size are compared: a corpus of files has only so many held-out pictures.
    samples = e.sample_features[: len(reference)]
    weights = e.weights_of(e.samples)[:, : len(reference)]
    if len(samples) <= k:
        yield from (
            _unmeasured(
                f"sample_{name}", f"fewer than {k + 1} held-out pictures to compare with", len(samples)
            )
            for name in names
        )
        return

    def measured(name: str, found: Estimate, items: np.ndarray = NOTHING) -> Measured:
        return Measured("quality", f"sample_{name}", Disaggregated({OVERALL: found}), items, baseline=1)

    everything = np.ones(len(samples), bool)
    for name, distance in (
        ("fd_clip", sets.frechet_distance),
        ("kid_clip", sets.kid),
        ("cmmd_clip", sets.cmmd),
    ):
        yield measured(
            name, _basic(evaluated(distance(reference, samples), everything, weights[:FEW_RESAMPLES]))
        )
    for name, scores in sets.manifold_scores(reference, samples, k).items():
        # precision and density are means over samples; recall and coverage over the reference pictures, which
        # all generations share.
        over = weights if name in ("precision", "density") else e.weights(len(reference), "reference")
        yield measured(name, evaluated(weighted_mean(scores), np.ones(len(scores), bool), over), scores)
    yield measured("vendi", _basic(evaluated(sets.vendi_score(samples), everything, weights[:FEW_RESAMPLES])))
    copies = sets.is_memorised(samples, training, reference)
    yield measured("memorisation", evaluated(weighted_mean(copies), everything, weights), copies)


def _features(config: str, weights: Path, device: Device, records: Sequence[Record]) -> np.ndarray:
    parsed = Config.model_validate_json(config)
    return (
        frozen_clip(parsed, weights, device)
        .encode_batches(read_records(open_corpus(parsed), records))
        .numpy()
    )


@lru_cache(maxsize=4)
def _reference_features(config: str, weights: Path, device: Device, num_items: int) -> np.ndarray:
    """Return the frozen CLIP's features [n, d] of real pictures that nothing trains on: the same in every
    generation, so a process reads them once.

    `config` is the run's as JSON: what decides the pictures.
    """
    return _features(
        config, weights, device, open_corpus(Config.model_validate_json(config)).reference(num_items)
    )


@lru_cache(maxsize=2)
def _training_features(config: str, weights: Path, device: Device) -> np.ndarray:
    """Return the frozen CLIP's features [n, d] of the real training pictures, at most `evaluate.max_pictures`
    of them.
    """
    parsed = Config.model_validate_json(config)
    num_items = min(parsed.data.counts()["train"], parsed.evaluate.max_pictures)
    return _features(config, weights, device, open_corpus(parsed).records("train", num_items))


def _basic(e: Estimate) -> Estimate:
    """Return an estimate with its basic bootstrap interval: a resample repeats pictures, which by itself
    moves a distance up and a variety down.
    """
    if e.value is None or e.low is None or e.high is None:
        return e
    return replace(e, low=2 * e.value - e.high, high=2 * e.value - e.low)
