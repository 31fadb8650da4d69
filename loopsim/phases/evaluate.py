"""evaluate: quality and bias of CLIP_g, captioner_g, D_g, S_g and the generator that drew S_g."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from loopsim.data.captions import with_article
from loopsim.data.corpus import Corpus, Split
from loopsim.data.corpus import Record as CorpusRecord
from loopsim.metrics import captions as caption_metrics
from loopsim.metrics.estimate import Disaggregated, by_group, resampling_weights, weighted_mean
from loopsim.metrics.representation import representation, share_by_class
from loopsim.metrics.retrieval import recall_at_k
from loopsim.metrics.similarity import GENDER_PROMPTS, NEUTRAL_PROMPT, prefers_person, relative_self_similarity
from loopsim.models.captioner import load_clipcap
from loopsim.models.classifier import AttributeClassifier, load_classifier
from loopsim.models.clip import Clip, load_clip
from loopsim.phases.dataset import corpus_images, decode_png, kept_samples, load_samples, load_training_set, open_corpus
from loopsim.phases.drawing import draw_missing, open_generator
from loopsim.rng import seed_for
from loopsim.run import PhaseContext
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Row, Store
from loopsim.types import Outputs

# Attributes whose groups every metric is reported for; skin_type and profession are measured where they are the question.
ATTRIBUTES = ("gender", "skin_tone")


@final
@dataclass(frozen=True)
class Measured:
    """One metric with its estimates by group, and the per-item scores (rows: items) that they came from."""

    metric: str
    estimates: Disaggregated
    items: np.ndarray


@final
@dataclass(frozen=True)
class EvaluationSet:
    """Real held-out items, the same in every generation: records, pictures, groups, and the bootstrap's weights."""

    name: str
    records: Sequence[CorpusRecord]
    images: torch.Tensor
    weights: np.ndarray

    def groups(self) -> dict[str, list[str]]:
        """Return each attribute's label of every item."""
        return {attribute: [record.groups[attribute] for record in self.records] for attribute in ATTRIBUTES}


def evaluate(context: PhaseContext) -> Outputs:
    """Measure everything and store values, intervals, replicates and per-item scores."""
    corpus = open_corpus(context.config)
    clip = load_clip(context.artifact(context.generation, "train_clip", "clip"))
    classifier = load_classifier(context.weights / "classifier")
    measured = [
        *retrieval_metrics(context, corpus, clip),
        *face_metrics(context, corpus, clip),
        *data_metrics(context, classifier),
        *generator_metrics(context, corpus, classifier),
    ]
    rows = [row for result in measured for row in measured_rows(context.generation, result)]
    headline = {m.metric: m.estimates["overall"].value for m in measured if m.metric in ("recall@1", "gender_error", "women_per_profession")}
    return Outputs(rows, facts={"num_metrics": len(measured)} | headline)


def measured_rows(generation: int, measured: Measured) -> Iterator[Row]:
    """Yield a row per group, and one for the per-item scores."""
    for group, e in measured.estimates.items():
        fields = {"value": e.value, "n": e.n, "low": e.low, "high": e.high, "is_bias": e.is_bias, "reason": e.reason}
        replicates = np.zeros(0, np.float32) if e.replicates is None else e.replicates.astype("<f4")
        yield (
            key(Table.METRIC, generation, measured.metric, group),
            Record(fields | {"metric": measured.metric, "group": group}, replicates.tobytes()),
        )
    scores = np.ascontiguousarray(measured.items, dtype="<f4")
    yield key(Table.ITEMS, generation, measured.metric), Record({"shape": list(scores.shape)}, scores.tobytes())


def evaluation_set(context: PhaseContext, corpus: Corpus, split: Split, num_items: int) -> EvaluationSet:
    """Return an evaluation set with its resampling weights; both depend on the run's seed only, so generations are compared item by item."""
    records = corpus.records(split, num_items)
    return EvaluationSet(split, records, corpus_images(corpus, records), _weights(context, num_items, split))


def _weights(context: PhaseContext, num_items: int, *name: str | int) -> np.ndarray:
    return resampling_weights(max(num_items, 1), context.config.evaluate.num_resamples, seed_for(context.config.seed, "bootstrap", *name))


def _mean_metric(
    name: str,
    scores: np.ndarray,
    groups: Mapping[str, Sequence[str]],
    values: Mapping[str, Sequence[str]],
    weights: np.ndarray,
    *,
    usable: np.ndarray | None = None,
    is_bias: bool = False,
) -> Measured:
    estimates = by_group(weighted_mean(scores), groups, values, len(scores), weights, usable=usable, is_bias=is_bias)
    return Measured(name, estimates, scores if usable is None else np.where(usable, scores, np.nan))


def _values(corpus: Corpus) -> dict[str, tuple[str, ...]]:
    return {attribute: corpus.attributes()[attribute] for attribute in ATTRIBUTES}


def retrieval_metrics(context: PhaseContext, corpus: Corpus, clip: Clip) -> Iterator[Measured]:
    """CLIP_g's text-to-image recall, and what captioner_g says of the same pictures' people."""
    items = evaluation_set(context, corpus, "retrieval", context.config.data.num_retrieval)
    groups, values = items.groups(), _values(corpus)
    features = clip.encode_images(items.images)
    texts = clip.encode_texts([caption for record in items.records for caption in record.captions])
    num_captions = len(items.records[0].captions)
    hits = recall_at_k(texts.numpy(), features.numpy(), np.repeat(np.arange(len(items.records)), num_captions))
    for k, found in hits.items():
        # The image is the resampling unit: its captions' hits are averaged first, for they are not independent.
        yield _mean_metric(f"recall@{k}", found.reshape(-1, num_captions).mean(1), groups, values, items.weights)
    captioner = load_clipcap(context.artifact(context.generation, "train_captioner", "captioner"))
    written = captioner.write(features, [0] * len(features), temperature=0)
    scores = caption_metrics.gender_scores(written, groups["gender"])
    single = scores["single"] > 0
    yield _mean_metric("gender_error", scores["error"], groups, values, items.weights, is_bias=True)
    yield _mean_metric("gender_error_single", scores["error"], groups, values, items.weights, usable=single, is_bias=True)
    yield _mean_metric("caption_neutral", scores["neutral"], groups, values, items.weights)
    yield _mean_metric("caption_both", scores["both"], groups, values, items.weights)


def face_metrics(context: PhaseContext, corpus: Corpus, clip: Clip) -> Iterator[Measured]:
    """How CLIP_g sees faces: how alike each group's look to it, and whom the neutral prompt fits best."""
    items = evaluation_set(context, corpus, "faces", context.config.data.num_faces)
    groups, values = items.groups(), _values(corpus)
    features = clip.encode_images(items.images).numpy()
    yield Measured("self_similarity", relative_self_similarity(features, groups, values, items.weights), features)
    skin_prompts = [f"a photo of a person with {skin} skin" for skin in corpus.attributes()["skin_type"]]
    for attribute, prompts in (("gender", GENDER_PROMPTS), ("skin_tone", skin_prompts)):
        prefers = prefers_person(features, clip.encode_texts([NEUTRAL_PROMPT, *prompts]).numpy())
        asked = {attribute: values[attribute]}
        yield _mean_metric(f"person_preference.{attribute}", prefers, groups, asked, items.weights)


def data_metrics(context: PhaseContext, classifier: AttributeClassifier) -> Iterator[Measured]:
    """Who is in D_g and in S_g, as the pinned classifier sees them, and how well S_g's pictures fit their prompts."""
    yield from _representation_metrics(context, "dataset_share", classifier.label(load_training_set(context).images), classifier)
    generation = context.generation
    samples = context.read(lambda store: load_samples(store, generation, kept_samples(store, generation)))
    labels = classifier.label(samples.images) if samples is not None else []
    yield from _representation_metrics(context, "sample_share", labels, classifier)
    frozen = load_clip(context.weights / "clip")  # the base CLIP, not the round's: a ruler must not bend
    if samples is None:
        scores = np.zeros(0, np.float32)
    else:
        texts = frozen.encode_texts([captions[0] for captions in samples.captions])
        scores = caption_metrics.clip_score(frozen.encode_images(samples.images).numpy(), texts.numpy())
    groups = {attribute: [label[attribute] for label in labels] for attribute in ATTRIBUTES}
    values = {attribute: classifier.values[attribute] for attribute in ATTRIBUTES}
    yield _mean_metric("clip_score", scores, groups, values, _weights(context, len(scores), "clip_score", generation)[:, : len(scores)])


def _representation_metrics(context: PhaseContext, metric: str, labels: list[dict[str, str]], classifier: AttributeClassifier) -> Iterator[Measured]:
    # Every generation has other pictures: their resamples are independent, and seeded by the generation.
    weights = _weights(context, len(labels), metric, context.generation)
    for name, corrected in ((metric, False), (f"{metric}_corrected", True)):
        estimates: Disaggregated = {}
        for attribute in (*ATTRIBUTES, "skin_type"):
            confusion = np.array(classifier.confusion[attribute]) if corrected else None
            seen = [label[attribute] for label in labels]
            estimates |= representation(seen, classifier.values[attribute], attribute, weights, confusion)
        yield Measured(name, estimates, _label_indices(labels, classifier))


def _label_indices(labels: list[dict[str, str]], classifier: AttributeClassifier) -> np.ndarray:
    return np.array([[values.index(label[name]) for name, values in classifier.values.items()] for label in labels], np.float32)


def generator_metrics(context: PhaseContext, corpus: Corpus, classifier: AttributeClassifier) -> Iterator[Measured]:
    """The share of women that the generator draws for "a photo of a <profession>", against the real-world shares.

    Generation g's generator is the one that drew S_g: the base model at g = 0, then SD_{g-1}. Every generation answers the same prompts from the
    same seeds.
    """
    config, generation = context.config, context.generation
    professions = corpus.attributes()["profession"]
    plan: list[dict[str, Any]] = [
        {
            "prompt": f"a photo of {with_article(profession)}",
            "profession": profession,
            "seed": seed_for(config.seed, "audit", profession, repeat),
        }
        for profession in professions
        for repeat in range(config.evaluate.num_audit_images)
    ]
    draw_missing(context, Table.AUDIT, generation, plan, lambda: open_generator(context, generation - 1)[0])

    def pictures(store: Store) -> list[np.ndarray]:
        return [decode_png(row.blob) for _, row in store.scan(key(Table.AUDIT, generation))]

    images = context.read(pictures)
    labels = classifier.label(torch.from_numpy(np.stack(images))) if images else []
    women = np.array([label["gender"] == "woman" for label in labels], np.float32)
    shares = share_by_class(
        women,
        [item["profession"] for item in plan],
        professions,
        {str(profession): share for profession, share in config.data.openmoji.professions.items()},
        _weights(context, len(plan), "audit")[:, : len(plan)],
        "profession",
    )
    yield Measured("women_per_profession", shares, women)
