"""What the measures of one evaluation share: held-out sets, the models under test, and their outputs, each
computed once when first asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
import torch

from loopsim.context.context import PhaseContext
from loopsim.context.model_loading import (
    frozen_clip,
    label_pictures,
    pinned_classifier,
    trained_captioner,
    trained_clip,
)
from loopsim.context.sampling import draw_missing, open_generator
from loopsim.context.training_set import (
    TrainingSet,
    decode_picture,
    load_samples,
    load_training_set,
    open_corpus,
    read_records,
)
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.data.corpus import Corpus, Split
from loopsim.data.corpus import Record as CorpusRecord
from loopsim.data.scene_captions import with_article
from loopsim.metrics.estimate import (
    Disaggregated,
    by_group,
    resampling_weights,
    weighted_mean,
    with_intersections,
)
from loopsim.models.captioners.decoding import Decoding
from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.people_detector import PeopleDetector
from loopsim.models.clip import Clip
from loopsim.store.keys import Table, key

# Resamples of a large set are fewer: their weights shall not take more memory than this many numbers.
MAX_WEIGHTS = 50_000_000
# Distances between sets cost too much for the full bootstrap; a hundred resamples place a standard error
# within 7 %.
FEW_RESAMPLES = 100

Section = Literal["data", "generator", "clip", "captions", "quality"]
WITH_MODEL = ("generator", "clip", "captions")  # sections whose values a retraining with another seed moves


@final
@dataclass(frozen=True)
class Measured:
    """One metric with its estimates by group, and the per-item scores (rows: items) that they came from.

    `section` is its place in the report; `baseline` the generation that drift is counted from: 0 for what the
    real data or models trained on it show, 1 for S_g and its generator, the first of which are S_1 and SD_0.
    """

    section: Section
    metric: str
    estimates: Disaggregated
    items: np.ndarray
    baseline: int = 0


@final
@dataclass(frozen=True)
class EvaluationSet:
    """Real held-out items, the same in every generation: records, labels ("": none) and known values by
    attribute, and the bootstrap's weights.

    `attributes` are those that metrics are reported for, without their intersections.
    """

    corpus: Corpus
    records: Sequence[CorpusRecord]
    attributes: tuple[str, ...]
    groups: Mapping[str, Sequence[str]]
    values: Mapping[str, Sequence[str]]
    weights: np.ndarray

    def batches(self) -> Iterator[torch.Tensor]:
        """Yield the pictures in order, in batches uint8 [k, h, w, 3]."""
        return read_records(self.corpus, self.records)


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
    def _pinned(self) -> tuple[AttributeClassifier, PeopleDetector | None]:
        return pinned_classifier(
            self.config.model_dump_json(exclude={"generations"}), self.context.weights, self.context.device
        )

    @property
    def classifier(self) -> AttributeClassifier:
        return self._pinned[0]

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that pictures of D_g and S_g are labelled with, and that metrics on them are
        reported for.
        """
        if self.config.classifier.kind == "shipped":
            return self.corpus.reported("train")
        return tuple(self.classifier.values)

    @cached_property
    def clip(self) -> Clip:
        """CLIP_g."""
        return trained_clip(self.context)

    @cached_property
    def frozen_clip(self) -> Clip:
        """The CLIP of `[encoder]`, which no generation trains: a ruler must not bend."""
        return frozen_clip(self.config, self.context.weights, self.context.device)

    def weights(self, num_items: int, *name: str | int) -> np.ndarray:
        """Return resampling weights [B, num_items], a function of the run's seed and the name; B is smaller
        for very large sets.
        """
        num_resamples = min(
            self.config.evaluate.num_resamples, max(FEW_RESAMPLES, MAX_WEIGHTS // max(num_items, 1))
        )
        drawn = resampling_weights(
            max(num_items, 1), num_resamples, seed_for(self.config.seed, "bootstrap", *name)
        )
        return drawn[:, :num_items]

    def _held_out(self, split: Split) -> EvaluationSet:
        num_items = self.config.data.counts()[split]
        records = self.corpus.records(split, num_items)
        attributes, known = self.corpus.reported(split), self.corpus.attributes(split)
        labels = {
            attribute: [record.groups.get(attribute, "") for record in records] for attribute in attributes
        }
        groups, values = with_intersections(labels, {attribute: known[attribute] for attribute in attributes})
        return EvaluationSet(self.corpus, records, attributes, groups, values, self.weights(num_items, split))

    @cached_property
    def retrieval(self) -> EvaluationSet:
        return self._held_out("retrieval")

    @cached_property
    def faces(self) -> EvaluationSet:
        return self._held_out("faces")

    @cached_property
    def retrieval_features(self) -> torch.Tensor:
        """CLIP_g's unit-norm features [n, d] of the retrieval pictures."""
        return self.clip.encode_batches(self.retrieval.batches())

    @cached_property
    def face_features(self) -> np.ndarray:
        """CLIP_g's unit-norm features [n, d] of the faces."""
        return self.clip.encode_batches(self.faces.batches()).numpy()

    @cached_property
    def written(self) -> list[str]:
        """captioner_g's best caption of each retrieval picture."""
        captioner, config = trained_captioner(self.context), self.config.captioner
        how = Decoding(num_beams=config.num_beams, max_tokens=config.max_tokens)
        if captioner.reads_features:
            return captioner.write(self.retrieval_features, [0] * len(self.retrieval_features), how)
        return [
            text
            for batch in self.retrieval.batches()
            for text in captioner.write(captioner.pixels(batch), [0] * len(batch), how)
        ]

    @cached_property
    def _measured_slots(self) -> np.ndarray:
        """The caption slots whose pictures are measured, ascending: all, or `max_pictures` of them, the same
        in every generation.
        """
        num_slots, limit = self.config.data.counts()["train"], self.config.evaluate.max_pictures
        if num_slots <= limit:
            return np.arange(num_slots)
        return np.sort(numpy_generator(self.config.seed, "measured slots").permutation(num_slots)[:limit])

    def _measured(self, data: TrainingSet) -> TrainingSet:
        return data.select(np.flatnonzero(np.isin(data.slots, self._measured_slots)))

    @cached_property
    def dataset(self) -> TrainingSet:
        """D_g, or what of it is measured."""
        return self._measured(load_training_set(self.context))

    @cached_property
    def dataset_labels(self) -> list[dict[str, str]]:
        return self.labels(self.dataset.batches())

    def labels(self, batches: Iterator[torch.Tensor]) -> list[dict[str, str]]:
        """Return what the pinned classifier sees in pictures."""
        return label_pictures(*self._pinned, batches)

    def people(self, images: torch.Tensor) -> torch.Tensor:
        """Return the people in pictures uint8 [n, h, w, 3], where a detector is configured; else the
        pictures.
        """
        detector = self._pinned[1]
        return images if detector is None else detector.crop(images)

    @cached_property
    def samples(self) -> TrainingSet | None:
        """S_g's kept samples, or what of them is measured; None in generation 0."""
        found = load_samples(self.context, self.generation)
        measured = None if found is None else self._measured(found)
        return measured if measured is not None and len(measured) else None

    @cached_property
    def sample_labels(self) -> list[dict[str, str]]:
        return self.labels(self.samples.batches()) if self.samples is not None else []

    @cached_property
    def sample_features(self) -> np.ndarray:
        """The frozen CLIP's unit-norm features [n, d] of S_g; S_g must not be None."""
        assert self.samples is not None
        return self.frozen_clip.encode_batches(self.samples.batches()).numpy()

    @cached_property
    def slot_weights(self) -> np.ndarray:
        """Weights [B, measured slots]. Data is resampled by caption slot, with every picture that ever
        answers it, in all generations alike: pictures of one slot share what its captions state, so they are
        neither independent within a generation nor between two.
        """
        return self.weights(len(self._measured_slots), "slots")

    def weights_of(self, data: TrainingSet | None) -> np.ndarray:
        """Return the weights [B, n] of a set's pictures: those of their slots."""
        return (
            self.slot_weights[:, :0]
            if data is None
            else self.slot_weights[:, np.searchsorted(self._measured_slots, data.slots)]
        )

    @cached_property
    def audit_plan(self) -> list[dict[str, Any]]:
        """The neutral prompts "a photo of a <profession>" with their seeds, the same in every generation."""
        return [
            {
                "prompt": f"a photo of {with_article(p)}",
                "profession": p,
                "seed": seed_for(self.config.seed, "audit", p, repeat),
            }
            for p in self.world_women
            for repeat in range(self.config.evaluate.num_audit_images)
        ]

    @cached_property
    def audit_labels(self) -> list[dict[str, str]]:
        """Whom the generator draws for the neutral prompts. Generation g's generator is the one that drew
        S_g: the base at g = 0, then SD_{g-1}.

        A replicate of the baseline audits its own SD_0.
        """
        replicate = self.context.replicate
        trained_in = 0 if replicate else self.generation - 1
        place = (Table.REPLICATE_AUDIT, replicate) if replicate else (Table.AUDIT, self.generation)
        draw_missing(
            self.context, place, self.audit_plan, lambda: open_generator(self.context, trained_in)[0]
        )

        keys = self.context.reader.keys(key(*place))

        def batches() -> Iterator[torch.Tensor]:
            for start in range(0, len(keys), 250):
                rows = [self.context.reader.get(raw_key) for raw_key in keys[start : start + 250]]
                yield torch.from_numpy(
                    np.stack([decode_picture(row.blob) for row in rows if row is not None])
                )

        return self.labels(batches())

    @cached_property
    def world_women(self) -> dict[str, float]:
        """P(woman | profession) in the world, for each profession that the neutral prompts name."""
        return dict(self.config.evaluate.professions or self.corpus.world_women())

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
        """Return the mean of per-item scores [n] on a held-out set, overall, by group and by intersection (or
        by `attributes` only).
        """
        values = {name: known for name, known in on.values.items() if not attributes or name in attributes}
        estimates = by_group(
            weighted_mean(scores), on.groups, values, len(scores), on.weights, usable=usable, is_bias=is_bias
        )
        return Measured(
            section, metric, estimates, scores if usable is None else np.where(usable, scores, np.nan)
        )


Measure = Callable[[Evaluation], Iterator[Measured]]


def groups_by_label(labels: Sequence[Mapping[str, str]], e: Evaluation) -> tuple[dict, dict]:
    """Return groups and known values, with intersections, of pictures that the pinned classifier labelled."""
    return with_intersections(
        {attribute: [label[attribute] for label in labels] for attribute in e.attributes},
        {attribute: e.classifier.values[attribute] for attribute in e.attributes},
    )


def one_hot(labels: Sequence[str | None], values: Sequence[str]) -> np.ndarray:
    """Return float32 [n, len(values)], a row of zeros where a label is none of the values."""
    return np.array([[label == value for value in values] for label in labels], np.float32).reshape(
        len(labels), len(values)
    )
