"""What captioner_g says of held-out pictures."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from loopsim.core.gendered_words import caption_gender
from loopsim.data.openmoji import BACKGROUNDS, GENDERS, OBJECTS, PROFESSIONS, SKIN_TYPES
from loopsim.data.scene_captions import parse
from loopsim.evaluation.evaluation import Evaluation, Measured, one_hot
from loopsim.metrics import amplification
from loopsim.metrics import captions as metrics
from loopsim.metrics.estimate import OVERALL, Disaggregated, by_group, evaluated, not_available


def gender_error(e: Evaluation) -> Iterator[Measured]:
    """Captions that name the wrong gender, none, or both."""
    genders = e.retrieval.groups.get("gender", [""] * len(e.written))
    scores, known = metrics.gender_scores(e.written, genders), np.array([gender != "" for gender in genders])
    single = (scores["single"] > 0) & known
    yield e.means("captions", "gender_error", scores["error"], e.retrieval, usable=known, is_bias=True)
    yield e.means(
        "captions", "gender_error_single", scores["error"], e.retrieval, usable=single, is_bias=True
    )
    yield e.means("captions", "caption_neutral", scores["neutral"], e.retrieval)
    yield e.means("captions", "caption_both", scores["both"], e.retrieval)


def quality(e: Evaluation) -> Iterator[Measured]:
    """BLEU-4, ROUGE-L and CIDEr-D against the corpus's captions, and CLIPScore under the frozen CLIP."""
    on, references = e.retrieval, [record.captions for record in e.retrieval.records]
    bleu = by_group(metrics.bleu4(e.written, references), on.groups, on.values, len(on.records), on.weights)
    yield Measured("captions", "bleu4", bleu, np.zeros(0, np.float32))
    yield e.means("captions", "rouge_l", metrics.rouge_l(e.written, references), on)
    yield e.means("captions", "cider_d", metrics.cider_d(e.written, references), on)
    frozen = e.frozen_clip
    scores = metrics.clip_score(
        frozen.encode_batches(on.batches()).numpy(), frozen.encode_texts(e.written).numpy()
    )
    yield e.means("captions", "caption_clip_score", scores, on)


def _with_java(
    e: Evaluation, name: str, measure: Callable[[Sequence[str], Sequence[Sequence[str]]], np.ndarray | None]
) -> Measured:
    scores = measure(e.written, [record.captions for record in e.retrieval.records])
    if scores is None:
        nothing = not_available(len(e.written), "needs java on the PATH")
        return Measured("captions", name, Disaggregated({OVERALL: nothing}), np.zeros(0, np.float32))
    return e.means("captions", name, scores, e.retrieval)


def meteor_score(e: Evaluation) -> Iterator[Measured]:
    """METEOR, where there is java."""
    yield _with_java(e, "meteor", metrics.meteor)


def spice_score(e: Evaluation) -> Iterator[Measured]:
    """SPICE, where there is java."""
    yield _with_java(e, "spice", metrics.spice)


def bias_amplification(e: Evaluation) -> Iterator[Measured]:
    """BiasAmp→ of gender and profession in the captions, against the lean of D_g as the pinned classifier
    sees it.
    """
    names = ("gender_to_profession", "profession_to_gender")
    if "profession" not in e.classifier.values or "profession" not in e.corpus.attributes("retrieval"):
        nothing = not_available(
            len(e.written), "no one knows the professions of these pictures", is_bias=True
        )
        for name in names:
            yield Measured(
                "captions",
                f"bias_amplification.{name}",
                Disaggregated({OVERALL: nothing}),
                np.zeros(0, np.float32),
            )
        return
    professions = e.corpus.attributes()["profession"]
    lean = amplification.lean_of(
        one_hot([label["gender"] for label in e.dataset_labels], GENDERS),
        one_hot([label["profession"] for label in e.dataset_labels], professions),
    )
    facts = [parse(text, PROFESSIONS, SKIN_TYPES, OBJECTS, BACKGROUNDS) for text in e.written]
    gender = one_hot([record.groups["gender"] for record in e.retrieval.records], GENDERS)
    profession = one_hot([record.groups["profession"] for record in e.retrieval.records], professions)
    said_gender = one_hot([caption_gender(text) for text in e.written], GENDERS)
    said_profession = one_hot([fact.profession for fact in facts], professions)
    everything = np.ones(len(facts), bool)
    for name, statistic in (
        (names[0], amplification.attribute_to_task(lean, gender, profession, said_profession)),
        (names[1], amplification.task_to_attribute(lean, gender, profession, said_gender)),
    ):
        found = Disaggregated({OVERALL: evaluated(statistic, everything, e.retrieval.weights, is_bias=True)})
        yield Measured(
            "captions", f"bias_amplification.{name}", found, np.hstack([said_gender, said_profession])
        )
