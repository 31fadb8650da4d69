"""LIC: how much of gender leaks from captions that do not name it, more than from the annotators'
(Hirota et al., CVPR 2022).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from scipy import stats

from loopsim.core.rng import seed_for
from loopsim.data.openmoji import GENDERS
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured, unmeasured
from loopsim.metrics.estimate import LEVEL, OVERALL, Disaggregated, Estimate
from loopsim.metrics.lic import balanced_split, leakage, mask_words, within_vocabulary, words_of
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
    """LIC_M, LIC_D and their difference: mean over seeds of splits and classifiers, with Student's interval
    over seeds.
    """
    labelled = [
        (record, text)
        for record, text in zip(e.retrieval.records, e.written, strict=True)
        if record.groups.get("gender") in GENDERS
    ]
    genders = [record.groups["gender"] for record, _ in labelled]
    vocabulary = {word for text in e.written for word in words_of(text)}
    model_texts = [[mask_words(text)] for _, text in labelled]
    human_texts = [
        [within_vocabulary(mask_words(text), vocabulary) for text in record.captions]
        for record, _ in labelled
    ]
    classes = np.array([GENDERS.index(gender) for gender in genders])
    rows = []
    for number in range(e.config.evaluate.num_lic_seeds):
        seed = seed_for(e.config.seed, "lic", number) % 2**32
        try:
            parts = balanced_split(genders, seed)
        except ValueError as error:
            yield unmeasured(metric, len(genders), str(error), is_bias=True)
            return
        rows.append(
            [_one_leakage(texts, classes, *parts, train, seed) for texts in (model_texts, human_texts)]
        )
    leaks = np.array(rows)
    for name, values in (
        (metric, leaks[:, 0] - leaks[:, 1]),
        (f"{metric}_model", leaks[:, 0]),
        (f"{metric}_data", leaks[:, 1]),
    ):
        half = (
            stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
            if len(values) > 1
            else np.nan
        )
        mean = float(values.mean())
        low, high = (mean - float(half), mean + float(half)) if np.isfinite(half) else (None, None)
        found = Estimate(mean, len(genders), low, high, is_bias=name == metric)
        yield Measured(name, Disaggregated({OVERALL: found}), values.astype(np.float32))


def _one_leakage(
    texts: Sequence[Sequence[str]],
    classes: np.ndarray,
    fit: np.ndarray,
    test: np.ndarray,
    train: Trainer,
    seed: int,
) -> float:
    """Return 100 · mean s · 1[â = a] over test images; an image with several captions counts with their
    average.
    """
    predict = train(
        [text for i in fit for text in texts[i]],
        [int(classes[i]) for i in fit for _ in texts[i]],
        len(GENDERS),
        seed,
    )
    return float(
        np.mean([leakage(predict(texts[i]), np.full(len(texts[i]), classes[i])).mean() for i in test])
    )
