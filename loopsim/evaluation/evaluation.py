"""What the measures of one evaluation share: held-out sets, the models under test, and their outputs, each
computed once when first asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import final

import numpy as np
from torch import Tensor

from loopsim.config import SHIPPED
from loopsim.context.context import PhaseContext
from loopsim.context.training_set import TrainingSet
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.data.corpus import Corpus, Split
from loopsim.evaluation.audit_prompts import AuditPrompt, audit_prompts
from loopsim.evaluation.held_out import EvaluationSet, held_out
from loopsim.metrics.estimate import resampling_weights, with_intersections
from loopsim.models.captioners.decoding import Decoding
from loopsim.models.classifiers import AttributeClassifier, abstaining, label_pictures
from loopsim.models.clip import Clip

# Resamples of a large set are fewer: their weights shall not take more memory than this many numbers.
MAX_WEIGHTS = 50_000_000
# Distances between sets cost too much for the full bootstrap; a hundred resamples place a standard error
# within 7 %.
FEW_RESAMPLES = 100

# Yields what the generator draws for neutral prompts, in their order, in batches uint8 [k, h, w, 3].
Audit = Callable[[Sequence[AuditPrompt]], Iterator[Tensor]]


@final
class Evaluation:
    """One evaluation of generation g, or of a replicate of the baseline's models.

    `audit` gives the pictures of the neutral prompts by the generator that drew S_g, or by a replicate's own
    SD_0.
    """

    def __init__(self, context: PhaseContext, audit: Audit) -> None:
        self.context = context
        self.config = context.config
        self.generation = context.generation
        self._audit = audit

    @property
    def corpus(self) -> Corpus:
        """The real data."""
        return self.context.corpus

    @property
    def classifier(self) -> AttributeClassifier:
        """The pinned attribute classifier, with its confusion matrices."""
        return self.context.models.classifier

    @property
    def clip(self) -> Clip:
        """CLIP_g."""
        return self.context.models.clip(self.generation, self.context.replicate)

    @property
    def frozen_clip(self) -> Clip:
        """The CLIP of `[encoder]`, which no generation trains: a ruler must not bend."""
        return self.context.models.encoder

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that pictures of D_g and S_g are labelled with and that metrics are reported for."""
        if self.config.classifier.kind == SHIPPED:
            return self.corpus.reported("train")
        return tuple(self.classifier.values)

    @cached_property
    def unsure_of(self) -> tuple[str, ...]:
        """Those of the attributes that a picture may have no label of."""
        may = abstaining(self.classifier, self.context.models.detector)
        return tuple(name for name in self.attributes if name in may)

    @cached_property
    def world_women(self) -> Mapping[str, float]:
        """P(woman | profession) in the world, for each profession that the neutral prompts name."""
        # A stored config lists them alphabetically. Which prompts share a batch and a resampling weight is a
        # matter of their order: the corpus's own come in the corpus's order.
        own, named = self.corpus.world_women(), self.config.evaluate.professions
        return own if dict(own) == named else named

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

    # Held-out sets, and what CLIP_g and captioner_g make of them.

    def _held_out(self, split: Split) -> EvaluationSet:
        num_items = self.config.data.counts()[split]
        return held_out(self.corpus, split, num_items, self.weights(num_items, split))

    @cached_property
    def retrieval(self) -> EvaluationSet:
        """The set for recall and captions."""
        return self._held_out("retrieval")

    @cached_property
    def faces(self) -> EvaluationSet:
        """The set of close-ups."""
        return self._held_out("faces")

    @cached_property
    def retrieval_features(self) -> Tensor:
        """CLIP_g's unit-norm features [n, d] of the retrieval pictures."""
        return self.clip.encode_batches(self.retrieval.batches())

    @cached_property
    def face_features(self) -> np.ndarray:
        """CLIP_g's unit-norm features [n, d] of the faces."""
        return self.clip.encode_batches(self.faces.batches()).numpy()

    @cached_property
    def written(self) -> list[str]:
        """captioner_g's best caption of each retrieval picture."""
        config = self.config.captioner
        captioner = self.context.models.captioner(self.generation, self.context.replicate)
        how = Decoding(num_beams=config.num_beams, max_tokens=config.max_tokens)
        if captioner.reads_features:
            return captioner.write(self.retrieval_features, [0] * len(self.retrieval_features), how)
        return [
            text
            for batch in self.retrieval.batches()
            for text in captioner.write(captioner.pixels(batch), [0] * len(batch), how)
        ]

    # D_g and S_g, and what the pinned models see in them.

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
        return self._measured(self.context.training_set())

    @cached_property
    def dataset_labels(self) -> list[dict[str, str]]:
        """What the pinned classifier sees in D_g: attribute -> value for each picture; "" is nobody."""
        return self.labels(self.dataset.batches())

    @cached_property
    def samples(self) -> TrainingSet | None:
        """S_g's kept samples, or what of them is measured; None in generation 0."""
        found = self.context.samples(self.generation)
        measured = None if found is None else self._measured(found)
        return measured if measured is not None and len(measured) else None

    @cached_property
    def sample_labels(self) -> list[dict[str, str]]:
        """What the pinned classifier sees in S_g; none in generation 0."""
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
        if data is None:
            return self.slot_weights[:, :0]
        return self.slot_weights[:, np.searchsorted(self._measured_slots, data.slots)]

    def labels(self, batches: Iterator[Tensor]) -> list[dict[str, str]]:
        """Return what the pinned classifier sees in pictures uint8 [k, h, w, 3]; "" is nobody."""
        return label_pictures(self.classifier, self.context.models.detector, batches)

    def people(self, images: Tensor) -> Tensor:
        """Return the people in pictures uint8 [n, h, w, 3] where a detector is configured, else the
        pictures.
        """
        detector = self.context.models.detector
        return images if detector is None else detector.crop(images)

    def groups_of(
        self, labels: Sequence[Mapping[str, str]]
    ) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
        """Return the groups of labelled pictures and the known values, by attribute and intersection."""
        return with_intersections(
            {attribute: [label[attribute] for label in labels] for attribute in self.attributes},
            {attribute: self.classifier.values[attribute] for attribute in self.attributes},
        )

    # Whom the generator draws.

    @cached_property
    def audit_plan(self) -> list[AuditPrompt]:
        """The neutral prompts, the same in every generation."""
        return audit_prompts(self.world_women, self.config.evaluate.num_audit_images, self.config.seed)

    @cached_property
    def audit_labels(self) -> list[dict[str, str]]:
        """What the pinned classifier sees in the pictures of the neutral prompts."""
        return self.labels(self._audit(self.audit_plan))
