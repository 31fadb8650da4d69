"""What the measures of one evaluation share: held-out sets, the models under test, and their outputs, each computed once when first asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
import torch

from loopsim.data.captions import with_article
from loopsim.data.corpus import Corpus, Split
from loopsim.data.corpus import Record as CorpusRecord
from loopsim.metrics.estimate import Disaggregated, by_group, resampling_weights, weighted_mean, with_intersections
from loopsim.models.captioner import load_clipcap
from loopsim.models.classifier import AttributeClassifier, load_classifier
from loopsim.models.clip import Clip, load_clip
from loopsim.phases.dataset import TrainingSet, corpus_images, decode_png, kept_samples, load_samples, load_training_set, open_corpus
from loopsim.phases.drawing import draw_missing, open_generator
from loopsim.rng import seed_for
from loopsim.run import PhaseContext
from loopsim.store.keys import Table, key
from loopsim.store.store import Store
from loopsim.types import replica

# Attributes whose groups every metric is reported for; skin_type and profession are measured where they are the question.
ATTRIBUTES = ("gender", "skin_tone")
# Distances between sets cost too much for the full bootstrap; a hundred resamples place a standard error within 7 %.
FEW_RESAMPLES = 100

Section = Literal["data", "generator", "clip", "captions", "quality"]
WITH_MODEL = ("generator", "clip", "captions")  # sections whose values a retraining with another seed moves


@final
@dataclass(frozen=True)
class Measured:
    """One metric with its estimates by group, and the per-item scores (rows: items) that they came from.

    `section` is its place in the report; `baseline` the generation that drift is counted from: 0 for what the real data or models trained on it show,
    1 for S_g and its generator, the first of which are S_1 and SD_0.
    """

    section: Section
    metric: str
    estimates: Disaggregated
    items: np.ndarray
    baseline: int = 0


@final
@dataclass(frozen=True)
class EvaluationSet:
    """Real held-out items, the same in every generation: records, pictures, labels and known values by attribute, and the bootstrap's weights."""

    records: Sequence[CorpusRecord]
    images: torch.Tensor
    groups: Mapping[str, Sequence[str]]
    values: Mapping[str, Sequence[str]]
    weights: np.ndarray


@final
class Evaluation:
    """One evaluation of generation g, or of a replicate of the baseline's models."""

    def __init__(self, context: PhaseContext) -> None:
        self.context = context
        self.config = context.config
        self.generation = context.generation

    @cached_property
    def corpus(self) -> Corpus:
        return open_corpus(self.config)

    @cached_property
    def classifier(self) -> AttributeClassifier:
        return load_classifier(self.context.weights / "classifier")

    @cached_property
    def clip(self) -> Clip:
        """CLIP_g."""
        return load_clip(self.context.artifact(self.generation, replica("train_clip", self.context.replicate), "clip"))

    @cached_property
    def frozen_clip(self) -> Clip:
        """The base CLIP, which no generation trains: a ruler must not bend."""
        return load_clip(self.context.weights / "clip")

    def weights(self, num_items: int, *name: str | int) -> np.ndarray:
        """Return resampling weights [B, num_items], a function of the run's seed and the name."""
        drawn = resampling_weights(max(num_items, 1), self.config.evaluate.num_resamples, seed_for(self.config.seed, "bootstrap", *name))
        return drawn[:, :num_items]

    def _held_out(self, split: Split, num_items: int) -> EvaluationSet:
        records = self.corpus.records(split, num_items)
        labels = {attribute: [record.groups[attribute] for record in records] for attribute in ATTRIBUTES}
        groups, values = with_intersections(labels, {attribute: self.corpus.attributes()[attribute] for attribute in ATTRIBUTES})
        return EvaluationSet(records, corpus_images(self.corpus, records), groups, values, self.weights(num_items, split))

    @cached_property
    def retrieval(self) -> EvaluationSet:
        return self._held_out("retrieval", self.config.data.num_retrieval)

    @cached_property
    def faces(self) -> EvaluationSet:
        return self._held_out("faces", self.config.data.num_faces)

    @cached_property
    def retrieval_features(self) -> torch.Tensor:
        """CLIP_g's unit-norm features [n, d] of the retrieval pictures."""
        return self.clip.encode_images(self.retrieval.images)

    @cached_property
    def face_features(self) -> np.ndarray:
        """CLIP_g's unit-norm features [n, d] of the faces."""
        return self.clip.encode_images(self.faces.images).numpy()

    @cached_property
    def written(self) -> list[str]:
        """captioner_g's likeliest caption of each retrieval picture."""
        folder = self.context.artifact(self.generation, replica("train_captioner", self.context.replicate), "captioner")
        return load_clipcap(folder).write(self.retrieval_features, [0] * len(self.retrieval_features), temperature=0)

    @cached_property
    def dataset(self) -> TrainingSet:
        """D_g."""
        return load_training_set(self.context)

    @cached_property
    def dataset_labels(self) -> list[dict[str, str]]:
        return self.classifier.label(self.dataset.images)

    @cached_property
    def samples(self) -> TrainingSet | None:
        """S_g's kept samples, None in generation 0."""
        return self.context.read(lambda store: load_samples(store, self.generation, kept_samples(store, self.generation)))

    @cached_property
    def sample_labels(self) -> list[dict[str, str]]:
        return self.classifier.label(self.samples.images) if self.samples is not None else []

    @cached_property
    def sample_features(self) -> np.ndarray:
        """The frozen CLIP's unit-norm features [n, d] of S_g; S_g must not be None."""
        assert self.samples is not None
        return self.frozen_clip.encode_images(self.samples.images).numpy()

    @cached_property
    def slot_weights(self) -> np.ndarray:
        """Weights [B, slots]. Data is resampled by caption slot, with every picture that ever answers it, in every generation alike: pictures of one
        slot share what its captions state, so they are neither independent within a generation nor between two.
        """
        return self.weights(self.config.data.num_train, "slots")

    @cached_property
    def audit_plan(self) -> list[dict[str, Any]]:
        """The neutral prompts "a photo of a <profession>" with their seeds, the same in every generation."""
        return [
            {"prompt": f"a photo of {with_article(p)}", "profession": p, "seed": seed_for(self.config.seed, "audit", p, repeat)}
            for p in self.corpus.attributes()["profession"]
            for repeat in range(self.config.evaluate.num_audit_images)
        ]

    @cached_property
    def audit_labels(self) -> list[dict[str, str]]:
        """Whom the generator draws for the neutral prompts. Generation g's generator is the one that drew S_g: the base at g = 0, then SD_{g-1}.

        A replicate of the baseline audits its own SD_0.
        """
        replicate = self.context.replicate
        trained_in = 0 if replicate else self.generation - 1
        place = (Table.REPLICATE_AUDIT, replicate) if replicate else (Table.AUDIT, self.generation)
        draw_missing(self.context, place, self.audit_plan, lambda: open_generator(self.context, trained_in)[0])

        def pictures(store: Store) -> list[np.ndarray]:
            return [decode_png(row.blob) for _, row in store.scan(key(*place))]

        images = self.context.read(pictures)
        return self.classifier.label(torch.from_numpy(np.stack(images))) if images else []

    @cached_property
    def world_women(self) -> dict[str, float]:
        """P(woman | profession) in the corpus's world."""
        return {str(profession): share for profession, share in self.config.data.openmoji.professions.items()}

    def means(
        self,
        section: Section,
        metric: str,
        scores: np.ndarray,
        on: EvaluationSet,
        *,
        usable: np.ndarray | None = None,
        is_bias: bool = False,
        attributes: Sequence[str] = (),
    ) -> Measured:
        """Return the mean of per-item scores [n] on a held-out set, overall, by group and by intersection (or by `attributes` only)."""
        values = {name: known for name, known in on.values.items() if not attributes or name in attributes}
        estimates = by_group(weighted_mean(scores), on.groups, values, len(scores), on.weights, usable=usable, is_bias=is_bias)
        return Measured(section, metric, estimates, scores if usable is None else np.where(usable, scores, np.nan))


Measure = Callable[[Evaluation], Iterator[Measured]]


def groups_by_label(labels: Sequence[Mapping[str, str]], classifier: AttributeClassifier) -> tuple[dict, dict]:
    """Return groups and known values, with intersections, of pictures that the pinned classifier labelled."""
    return with_intersections(
        {attribute: [label[attribute] for label in labels] for attribute in ATTRIBUTES},
        {attribute: classifier.values[attribute] for attribute in ATTRIBUTES},
    )


def one_hot(labels: Sequence[str | None], values: Sequence[str]) -> np.ndarray:
    """Return float32 [n, len(values)], a row of zeros where a label is none of the values."""
    return np.array([[label == value for value in values] for label in labels], np.float32).reshape(len(labels), len(values))
