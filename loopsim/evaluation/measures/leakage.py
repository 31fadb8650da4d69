"""LIC: how much of gender leaks from captions that do not name it, more than from the annotators'
(Hirota et al., CVPR 2022).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from loopsim.core.ptb_tokens import words_of
from loopsim.core.rng import seed_for
from loopsim.data.openmoji import GENDERS
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured, unmeasured
from loopsim.metrics.estimate import OVERALL, Disaggregated, estimate
from loopsim.metrics.lic import balanced_split, leakage, mask_words, over_seeds, within_vocabulary
from loopsim.models.text_classifier import Predictor, finetune_encoder, train_bilstm

Trainer = Callable[
    [Sequence[str], Sequence[int], int, int], Predictor
]  # texts, classes, number of classes, seed


def lic(e: Evaluation) -> Iterator[Measured]:
    """LIC with the BiLSTM."""
    yield from _lic(e, "lic", train_bilstm)


LIC = Measure("lic", "captions", asks_model=True, body=lic, on_demand=True)


def lic_transformer(e: Evaluation) -> Iterator[Measured]:
    """LIC with the transformer encoder that `evaluate.lic_encoder` names."""
    encoder = e.config.evaluate.lic_encoder
    if encoder is None:
        reason = "evaluate.lic_encoder (--lic-encoder) names no model"
        yield unmeasured("lic_transformer", len(e.written), reason)
        return
    yield from _lic(e, "lic_transformer", partial(finetune_encoder, encoder))


LIC_TRANSFORMER = Measure(
    "lic_transformer", "captions", asks_model=True, body=lic_transformer, on_demand=True
)


def _lic(e: Evaluation, metric: str, train: Trainer) -> Iterator[Measured]:
    """LIC_M, LIC_D and their difference: mean over seeds of splits and classifiers, resampled over both
    pictures and seeds.
    """
    labelled = [i for i, record in enumerate(e.retrieval.records) if record.groups.get("gender") in GENDERS]
    records = [e.retrieval.records[i] for i in labelled]
    genders = [record.groups["gender"] for record in records]
    classes = np.array([GENDERS.index(gender) for gender in genders])
    written = [mask_words(e.written[i]) for i in labelled]
    vocabulary = {word for text in e.written for word in words_of(text)}
    said = [
        [within_vocabulary(mask_words(record.captions[k]), vocabulary) for record in records]
        for k in range(min((len(record.captions) for record in records), default=0))
    ]
    found = []
    for number in range(e.config.evaluate.num_lic_seeds):
        seed = seed_for(e.config.seed, "lic", number) % 2**32
        try:
            parts = balanced_split(genders, seed)
        except ValueError as error:
            yield unmeasured(metric, len(genders), str(error), is_bias=True)
            return
        model, *people = (_leakages(texts, classes, *parts, train, seed) for texts in (written, *said))
        found.append((model, np.mean(people, axis=0)))
    of_model, of_people = (np.stack(part) for part in zip(*found, strict=True))
    weights = e.retrieval.weights[:, labelled]
    for name, scores in (
        (metric, of_model - of_people),
        (f"{metric}_model", of_model),
        (f"{metric}_data", of_people),
    ):
        value, replicates = over_seeds(scores, weights, seed_for(e.config.seed, "lic", "seeds"))
        measured = estimate(value, replicates, len(genders), is_bias=name == metric)
        by_seed = np.nanmean(scores, axis=1).astype(np.float32)
        yield Measured(name, Disaggregated({OVERALL: measured}), by_seed)


def _leakages(
    texts: Sequence[str], classes: np.ndarray, fit: np.ndarray, test: np.ndarray, train: Trainer, seed: int
) -> np.ndarray:
    """Return each picture's leakage [n], NaN for those that the classifier was not tested on."""
    predict = train([texts[i] for i in fit], [int(classes[i]) for i in fit], len(GENDERS), seed)
    scores = np.full(len(texts), np.nan)
    scores[test] = leakage(predict([texts[i] for i in test]), classes[test])
    return scores
