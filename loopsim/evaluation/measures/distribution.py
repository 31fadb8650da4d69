"""How S_g compares with as many real pictures, as sets."""

from collections.abc import Iterator, Sequence

import numpy as np

from loopsim.context.pictures import read_records
from loopsim.data.corpus import Record
from loopsim.evaluation.evaluation import FEW_RESAMPLES, Evaluation
from loopsim.evaluation.measure import Measure, Measured, unmeasured
from loopsim.metrics import distribution as sets
from loopsim.metrics.estimate import (
    OVERALL,
    Disaggregated,
    Estimate,
    estimate,
    evaluated,
    recentred,
    weighted_mean,
)

NAMES = (
    "fd_clip", "kid_clip", "cmmd_clip", "precision", "density", "recall", "coverage", "vendi", "memorisation",
)  # fmt: skip
NEAREST = 5  # the k of the nearest neighbours


def distribution(e: Evaluation) -> Iterator[Measured]:
    """How near S_g is to as many fresh real pictures, how varied it is, and whether it repeats D_0; in the
    frozen CLIP's features.
    """
    if e.samples is None:
        yield from _nothing(0, "generation 0 has no samples")
        return
    if len(e.samples) <= NEAREST:
        yield from _nothing(len(e.samples), f"fewer than {NEAREST + 1} samples")
        return
    training, reference = _training_features(e), _reference_features(e, len(e.samples))
    # Sets of equal size are compared: a corpus of files has only so many held-out pictures.
    samples = e.sample_features[: len(reference)]
    if len(samples) <= NEAREST:
        yield from _nothing(len(samples), f"fewer than {NEAREST + 1} held-out pictures to compare with")
        return
    weights = e.weights_of(e.samples)[:, : len(reference)]
    few, everything = weights[:FEW_RESAMPLES], np.ones(len(samples), bool)
    for name, distance in (
        ("fd_clip", sets.frechet_distance),
        ("kid_clip", sets.kid),
        ("cmmd_clip", sets.cmmd),
    ):
        yield _measured(name, _recentred(evaluated(distance(reference, samples), everything, few)))
    for name, scores in sets.manifold_scores(reference, samples, NEAREST).items():
        # precision and density are means over samples; recall and coverage over the reference pictures, which
        # all generations share.
        over = weights if name in ("precision", "density") else e.weights(len(reference), "reference")
        yield _measured(name, evaluated(weighted_mean(scores), np.ones(len(scores), bool), over), scores)
    yield _measured("vendi", _recentred(evaluated(sets.vendi_score(samples), everything, few)))
    copies = sets.is_memorised(samples, training, reference)
    yield _measured("memorisation", evaluated(weighted_mean(copies), everything, weights), copies)


DISTRIBUTION = Measure("distribution", "quality", asks_model=False, body=distribution)


def _nothing(n: int, reason: str) -> Iterator[Measured]:
    for name in NAMES:
        yield unmeasured(f"sample_{name}", n, reason, baseline=1)


def _measured(name: str, found: Estimate, items: np.ndarray | None = None) -> Measured:
    scores = np.zeros(0, np.float32) if items is None else items
    return Measured(f"sample_{name}", Disaggregated({OVERALL: found}), scores, baseline=1)


def _encoded(e: Evaluation, records: Sequence[Record]) -> np.ndarray:
    return e.frozen_clip.encode_batches(read_records(e.corpus, records)).numpy()


def _reference_features(e: Evaluation, num_items: int) -> np.ndarray:
    """Return the frozen CLIP's features [n, d] of real pictures that nothing trains on."""
    return e.context.models.remember(
        ("reference features", num_items), lambda: _encoded(e, e.corpus.reference(num_items))
    )


def _training_features(e: Evaluation) -> np.ndarray:
    """Return the same of the real training pictures, of at most `evaluate.max_pictures`."""
    num_items = min(e.config.data.counts()["train"], e.config.evaluate.max_pictures)
    return e.context.models.remember(
        ("training features", num_items), lambda: _encoded(e, e.corpus.records("train", num_items))
    )


def _recentred(e: Estimate) -> Estimate:
    """Return an estimate whose replicates are recentred on its value, and with them its interval and its
    drift: a resample repeats pictures, which by itself moves a distance up and a variety down, by more where
    the pictures are more varied.
    """
    if e.value is None or e.replicates is None:
        return e
    return estimate(e.value, recentred(e.replicates, e.value), e.n)
