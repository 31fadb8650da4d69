"""Drawing pictures for prompts, batch by batch, so that a killed phase loses at most the batch under way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from loopsim.context.context import PhaseContext
from loopsim.context.model_loading import base_diffusion
from loopsim.context.phase import replica
from loopsim.context.training_set import encode_picture, open_corpus
from loopsim.core import faults
from loopsim.core.rng import numpy_generator
from loopsim.data.corpus import Corpus
from loopsim.models.diffusion import stable_diffusion as diffusion
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.store.keys import Table, index_of, key
from loopsim.store.store import Record, Row


class Generator(ABC):
    """Draws one picture for each prompt and seed."""

    @abstractmethod
    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images [n, h, w, 3]."""


@final
@dataclass(frozen=True)
class DiffusionGenerator(Generator):
    """The run's Stable Diffusion."""

    model: Diffusion
    num_steps: int
    guidance: float
    size: int

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return diffusion.sample(
            self.model, prompts, seeds, num_steps=self.num_steps, guidance=self.guidance, size=self.size
        ).numpy()


@final
@dataclass(frozen=True)
class OracleGenerator(Generator):
    """The control: fresh pictures from the corpus's own process for the same prompts, so that nothing drifts
    but by `shift`.
    """

    corpus: Corpus
    shift: float

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        pictures = [
            self.corpus.oracle(prompt, self.shift, numpy_generator(seed, "oracle"))
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        return np.stack(pictures)


def open_generator(context: PhaseContext, trained_in: int) -> tuple[Generator, str]:
    """Return SD_g for g = `trained_in` (the base model for -1, or before any training), ready to draw, and
    its fingerprint for lineage.
    """
    config = context.config.generate
    if config.generator == "oracle":
        return OracleGenerator(open_corpus(context.config), config.oracle_shift * (trained_in + 1)), "oracle"
    model, fingerprint = base_diffusion(context), "base"
    folder = (
        context.find_artifact(trained_in, replica("finetune", context.replicate), "generator")
        if trained_in >= 0
        else None
    )
    if folder is not None:  # there is none if fine-tuning has no steps
        diffusion.load_finetuned(model, folder)
        fingerprint = folder.name
    size = context.config.data.image_size
    return DiffusionGenerator(
        diffusion.for_sampling(model), config.num_steps, config.guidance, size
    ), fingerprint


def draw_missing(
    context: PhaseContext,
    place: tuple[Table, int],
    plan: Sequence[dict[str, Any]],
    generator: Callable[[], Generator],
) -> None:
    """Draw and store a row at (*place, index) for each planned picture (fields with `prompt` and `seed`)
    whose row is not there yet.

    Batches are cut from the plan, not from what is missing, and are stored whole: a resumed phase computes
    exactly the batches that an uninterrupted one would have. Ranks take batches in turn; rank 0 writes. A
    picture that an earlier generation drew from the same seed and prompt with the same model is that picture,
    and is used again.
    """
    size = context.config.generate.size()
    present = context.read(lambda store: {index_of(raw_key) for raw_key in store.keys(key(*place))})
    batches = [range(start, min(start + size, len(plan))) for start in range(0, len(plan), size)]
    missing = [batch for batch in batches if batch[0] not in present]
    for batch in missing if place[0] is Table.SAMPLE else ():
        again = [row for i in batch if (row := _drawn_before(context, place[1], i, plan[i])) is not None]
        if len(again) == len(batch):
            context.write_batch(again)
            present.add(batch[0])
    missing = [batch for batch in missing if batch[0] not in present]
    if not missing:
        return
    drawing = generator()
    done = len(plan) - sum(map(len, missing))
    context.progress.advanced(done, len(plan), "images")
    for start in range(0, len(missing), context.world.size):
        mine = context.world.split(missing[start : start + context.world.size])
        share: list[Row] = []
        for batch in mine:
            images = drawing.draw([plan[i]["prompt"] for i in batch], [plan[i]["seed"] for i in batch])
            share += [
                (
                    key(*place, i),
                    Record(dict(plan[i]), encode_picture(image, context.config.generate.image_format)),
                )
                for i, image in zip(batch, images, strict=True)
            ]
        rows = [row for part in context.world.gather([share]) for row in part]
        context.write_batch(rows)
        faults.reach("sample.batch")
        done += len(rows)
        context.progress.advanced(done, len(plan), "images")
    context.world.wait()  # until the last rows are there for every rank to read


def _drawn_before(context: PhaseContext, generation: int, index: int, planned: dict[str, Any]) -> Row | None:
    """Return the row of a planned sample with the picture of the generation before, if that was drawn from
    the same seed, prompt and model.
    """
    before = context.reader.get(key(Table.SAMPLE, generation - 1, index)) if generation > 1 else None
    if before is None or any(
        before.fields.get(name) != planned.get(name) for name in ("seed", "prompt", "model")
    ):
        return None
    return key(Table.SAMPLE, generation, index), Record(dict(planned), before.blob)
