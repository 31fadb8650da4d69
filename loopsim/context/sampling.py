"""Drawing pictures for prompts, batch by batch, so that a killed phase loses at most the batch under way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeVar, final

import numpy as np
from torch import Tensor

from loopsim.context.context import PhaseContext
from loopsim.context.pictures import encode_picture
from loopsim.core import faults
from loopsim.core.events import ImagesDrawn
from loopsim.core.rng import numpy_generator
from loopsim.data.corpus import Corpus
from loopsim.interventions.base import Draw, Intervention, Place
from loopsim.models.diffusion.sampler import Sampler
from loopsim.store.rows import AuditFields, AuditRow, PreparedRow, ReplicateAuditRow, SampleRow

Planned = TypeVar("Planned", SampleRow, PreparedRow, AuditRow, ReplicateAuditRow)


class Generator(ABC):
    """Draws one picture for each draw."""

    @abstractmethod
    def draw(self, draws: Sequence[Draw]) -> np.ndarray:
        """Return uint8 images [n, h, w, 3]."""


@final
@dataclass(frozen=True)
class DiffusionGenerator(Generator):
    """The run's Stable Diffusion, with what interventions do to its noise."""

    sampler: Sampler
    noise: tuple[Intervention, ...] = ()

    def draw(self, draws: Sequence[Draw]) -> np.ndarray:
        # A call has one guidance: draws that ask for another go through on their own.
        parts = [self._together(list(part)) for _, part in groupby(draws, key=lambda draw: draw.guidance)]
        return np.concatenate(parts)

    def _together(self, draws: Sequence[Draw]) -> np.ndarray:
        def changed(latents: Tensor) -> Tensor:
            for intervention in self.noise:
                latents = intervention.noise(latents, draws)
            return latents

        negatives = [draw.negative for draw in draws]
        return self.sampler.draw(
            [draw.prompt for draw in draws],
            [draw.seed for draw in draws],
            negatives=negatives if any(negatives) else None,
            guidance=draws[0].guidance,
            noise=changed if self.noise else None,
        )


@final
@dataclass(frozen=True)
class OracleGenerator(Generator):
    """The control: fresh pictures from the corpus's own process for the same prompts, so that nothing drifts
    but by `shift`.
    """

    corpus: Corpus
    shift: float

    def draw(self, draws: Sequence[Draw]) -> np.ndarray:
        pictures = [
            self.corpus.oracle(draw.prompt, self.shift, numpy_generator(draw.seed, "oracle"))
            for draw in draws
        ]
        return np.stack(pictures)


@final
@dataclass(frozen=True)
class FinishingGenerator(Generator):
    """A generator whose pictures interventions change once they are drawn."""

    generator: Generator
    finishing: tuple[Intervention, ...]

    def draw(self, draws: Sequence[Draw]) -> np.ndarray:
        images = self.generator.draw(draws)
        for intervention in self.finishing:
            images = intervention.finish(images, draws)
        return images


def generator_name(context: PhaseContext, trained_in: int) -> str:
    """Return the fingerprint of SD_g for g = `trained_in`, for lineage."""
    if context.config.generate.generator == "oracle":
        return "oracle"
    folder = context.models.generator_folder(trained_in, context.replicate)
    return "base" if folder is None else folder.name


def open_generator(context: PhaseContext, trained_in: int) -> Generator:
    """Return SD_g for g = `trained_in` (the base model for -1, or before any training), alone: as the audit
    asks it.
    """
    config = context.config.generate
    if config.generator == "oracle":
        return OracleGenerator(context.corpus, config.oracle_shift * (trained_in + 1))
    return DiffusionGenerator(context.models.sampler(trained_in, context.replicate))


def open_adapted_generator(context: PhaseContext, trained_in: int) -> Generator:
    """Return SD_g with the run's interventions on its weights, its noise, and what it drew."""
    generator = _adapted(context, trained_in)
    finishing = context.interventions(Place.PICTURE)
    return FinishingGenerator(generator, finishing) if finishing else generator


def _adapted(context: PhaseContext, trained_in: int) -> Generator:
    generator = open_generator(context, trained_in)
    adapting, noise = context.interventions(Place.WEIGHTS), context.interventions(Place.NOISE)
    if not isinstance(generator, DiffusionGenerator) or not (adapting or noise):
        return generator

    def adapt(sampler: Sampler) -> None:
        for intervention in adapting:
            intervention.adapt(sampler, context.training_set())

    sampler = context.models.sampler(trained_in, adapt=adapt) if adapting else generator.sampler
    return DiffusionGenerator(sampler, noise)


def as_draw(row: SampleRow | PreparedRow | AuditFields) -> Draw:
    """Return the draw that a planned row stands for."""
    if isinstance(row, SampleRow):
        return Draw(row.caption, row.prompt, row.seed, row.negative, row.guidance)
    return Draw(row.prompt, row.prompt, row.seed)


def draw_missing(context: PhaseContext, plan: Sequence[Planned], generator: Callable[[], Generator]) -> None:
    """Draw and store each planned row (one without its picture) that is not there yet.

    Batches are cut from the plan, not from what is missing, and are stored whole: a resumed phase computes
    exactly the batches that an uninterrupted one would have. Ranks take batches in turn; rank 0 writes. A
    picture that an earlier generation drew from the same seed and prompt with the same model is that picture,
    and is used again.
    """
    if not plan:
        return
    size, kind, first = context.config.generate.batch_size, type(plan[0]), plan[0].key[0]
    present = context.read(lambda store: set(store.keys(kind, first)))
    batches = [range(start, min(start + size, len(plan))) for start in range(0, len(plan), size)]
    missing = [batch for batch in batches if plan[batch[0]].key not in present]
    drawn_again = [batch for batch in missing if _use_again(context, [plan[i] for i in batch])]
    missing = [batch for batch in missing if batch not in drawn_again]
    if not missing:
        return
    drawing = generator()
    done = len(plan) - sum(map(len, missing))
    context.emit(ImagesDrawn(context.generation, context.phase, done, len(plan)))
    for start in range(0, len(missing), context.world.size):
        mine = context.world.split(missing[start : start + context.world.size])
        share: list[Planned] = []
        for batch in mine:
            images = drawing.draw([as_draw(plan[i]) for i in batch])
            share += [
                replace(plan[i], picture=encode_picture(image, context.config.generate.image_format))
                for i, image in zip(batch, images, strict=True)
            ]
        rows = [row for part in context.world.gather([share]) for row in part]
        context.write_batch(rows)
        faults.reach("sample.batch")
        done += len(rows)
        context.emit(ImagesDrawn(context.generation, context.phase, done, len(plan)))
    context.world.wait()  # until the last rows are there for every rank to read


def _use_again(context: PhaseContext, batch: Sequence[Planned]) -> bool:
    """Store a batch of planned samples with the pictures of the generation before, if all of them are the
    same there.
    """
    if not context.draws_as_before:
        return False
    again: list[SampleRow] = []
    for row in batch:
        found = _drawn_before(context, row) if isinstance(row, SampleRow) else None
        if found is None:
            return False
        again.append(found)
    context.write_batch(again)
    return True


def _drawn_before(context: PhaseContext, row: SampleRow) -> SampleRow | None:
    before = context.reader.get(SampleRow, row.generation - 1, row.index) if row.generation > 1 else None
    if before is None or before.model != row.model or as_draw(before) != as_draw(row):
        return None
    return replace(row, picture=before.picture)
