"""What captioner_g says of held-out pictures."""

from collections.abc import Iterator, Sequence

import numpy as np

from loopsim.core.child import ChildFailed
from loopsim.core.gendered_words import caption_gender
from loopsim.data.openmoji import BACKGROUNDS, GENDERS, OBJECTS, PROFESSIONS, SKIN_TYPES
from loopsim.data.scene_captions import parse
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured, means, unmeasured
from loopsim.metrics import amplification
from loopsim.metrics import captions as metrics
from loopsim.metrics.estimate import OVERALL, Disaggregated, by_group, evaluated
from loopsim.metrics.meteor import corpus_meteor, meteor_counts, meteor_of


def gender_error(e: Evaluation) -> Iterator[Measured]:
    """Captions that name the wrong gender, none, or both."""
    genders = e.retrieval.groups.get("gender", [""] * len(e.written))
    scores, known = metrics.gender_scores(e.written, genders), np.array([gender != "" for gender in genders])
    single = (scores["single"] > 0) & known
    yield means("gender_error", scores["error"], e.retrieval, usable=known, is_bias=True)
    yield means("gender_error_single", scores["error"], e.retrieval, usable=single, is_bias=True)
    yield means("caption_neutral", scores["neutral"], e.retrieval)
    yield means("caption_both", scores["both"], e.retrieval)


GENDER_ERROR = Measure("gender_error", "captions", asks_model=True, body=gender_error)


def caption_quality(e: Evaluation) -> Iterator[Measured]:
    """BLEU-4, ROUGE-L and CIDEr-D against the corpus's captions, and CLIPScore under the frozen CLIP."""
    on, references = e.retrieval, [record.captions for record in e.retrieval.records]
    bleu = by_group(metrics.bleu4(e.written, references), on.groups, on.values, len(on.records), on.weights)
    yield Measured("bleu4", bleu)
    yield means("rouge_l", metrics.rouge_l(e.written, references), on)
    yield means("cider_d", metrics.cider_d(e.written, references), on)
    frozen = e.frozen_clip
    scores = metrics.clip_score(
        frozen.encode_batches(on.batches()).numpy(), frozen.encode_texts(e.written).numpy()
    )
    yield means("caption_clip_score", scores, on)


CAPTION_QUALITY = Measure("caption_quality", "captions", asks_model=True, body=caption_quality)


def meteor(e: Evaluation) -> Iterator[Measured]:
    """METEOR of the captions as a corpus, where there is java."""
    on, references = e.retrieval, [record.captions for record in e.retrieval.records]
    try:
        counts = meteor_counts(e.written, references, e.context.interrupt.check)
    except ChildFailed as error:
        yield unmeasured("meteor", len(e.written), str(error))
        return
    found = by_group(corpus_meteor(counts), on.groups, on.values, len(on.records), on.weights)
    yield Measured("meteor", found, meteor_of(counts).astype(np.float32))


METEOR = Measure("meteor", "captions", asks_model=True, body=meteor, on_demand=True)


def spice(e: Evaluation) -> Iterator[Measured]:
    """SPICE, where there is java."""
    references = [record.captions for record in e.retrieval.records]
    try:
        scores = metrics.spice(e.written, references, e.context.interrupt.check)
    except ChildFailed as error:
        yield unmeasured("spice", len(e.written), str(error))
        return
    yield means("spice", scores, e.retrieval)


SPICE = Measure("spice", "captions", asks_model=True, body=spice, on_demand=True)


def bias_amplification(e: Evaluation) -> Iterator[Measured]:
    """BiasAmp→ of gender and profession in the captions, against the lean of D_g as the pinned classifier
    sees it; from profession to gender over the captions that name one gender.
    """
    to_profession, to_gender = (
        f"bias_amplification.{name}" for name in ("gender_to_profession", "profession_to_gender")
    )
    if "profession" not in e.classifier.values or "profession" not in e.corpus.attributes("retrieval"):
        for metric in (to_profession, to_gender):
            reason = "no one knows the professions of these pictures"
            yield unmeasured(metric, len(e.written), reason, is_bias=True)
        return
    professions = e.corpus.attributes()["profession"]
    shown = [label for label in e.dataset_labels if label["gender"] and label["profession"]]
    if not shown:
        for metric in (to_profession, to_gender):
            yield unmeasured(metric, 0, "the classifier sees nobody in D_g", is_bias=True)
        return
    lean = amplification.lean_of(
        _one_hot([label["gender"] for label in shown], GENDERS),
        _one_hot([label["profession"] for label in shown], professions),
    )
    facts = [parse(text, PROFESSIONS, SKIN_TYPES, OBJECTS, BACKGROUNDS) for text in e.written]
    gender = _one_hot([record.groups["gender"] for record in e.retrieval.records], GENDERS)
    profession = _one_hot([record.groups["profession"] for record in e.retrieval.records], professions)
    said_gender = _one_hot([caption_gender(text) for text in e.written], GENDERS)
    said_profession = _one_hot([fact.profession for fact in facts], professions)
    for metric, statistic, usable in (
        (
            to_profession,
            amplification.attribute_to_task(lean, gender, profession, said_profession),
            np.ones(len(facts), bool),
        ),
        (
            to_gender,
            amplification.task_to_attribute(lean, gender, profession, said_gender),
            said_gender.sum(1) > 0,
        ),
    ):
        found = evaluated(statistic, usable, e.retrieval.weights, is_bias=True)
        items = np.hstack([said_gender, said_profession])
        yield Measured(metric, Disaggregated({OVERALL: found}), items)


BIAS_AMPLIFICATION = Measure("bias_amplification", "captions", asks_model=True, body=bias_amplification)


def _one_hot(labels: Sequence[str | None], values: Sequence[str]) -> np.ndarray:
    """Return float32 [n, len(values)], a row of zeros where a label is none of the values."""
    return np.array([[label == value for value in values] for label in labels], np.float32).reshape(
        len(labels), len(values)
    )
