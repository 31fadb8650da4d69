"""Drawing pictures for prompts, batch by batch, so that a killed phase loses at most the batch under way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from diffusers import StableDiffusionPipeline

from loopsim import faults
from loopsim.data.corpus import Corpus
from loopsim.models import diffusion
from loopsim.phases.dataset import encode_png, open_corpus
from loopsim.rng import numpy_generator
from loopsim.run import PhaseContext
from loopsim.store.keys import Table, index_of, key
from loopsim.store.store import Record, Row
from loopsim.types import replica


class Generator(ABC):
    """Draws one picture for each prompt and seed."""

    @abstractmethod
    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        """Return uint8 images [n, h, w, 3]."""


@final
@dataclass(frozen=True)
class DiffusionGenerator(Generator):
    """The run's Stable Diffusion."""

    pipeline: StableDiffusionPipeline
    num_steps: int
    guidance: float

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return diffusion.sample(self.pipeline, prompts, seeds, num_steps=self.num_steps, guidance=self.guidance).numpy()


@final
@dataclass(frozen=True)
class OracleGenerator(Generator):
    """The control: fresh pictures from the corpus's own process for the same prompts, so that nothing drifts but by `shift`."""

    corpus: Corpus
    shift: float

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        pictures = [self.corpus.oracle(prompt, self.shift, numpy_generator(seed, "oracle")) for prompt, seed in zip(prompts, seeds, strict=True)]
        return np.stack(pictures)


def open_generator(context: PhaseContext, trained_in: int) -> tuple[Generator, str]:
    """Return SD_g for g = `trained_in` (the base model for -1, or before any training), ready to draw, and its fingerprint for lineage."""
    config = context.config.generate
    if config.generator == "oracle":
        return OracleGenerator(open_corpus(context.config), config.oracle_shift * (trained_in + 1)), "oracle"
    pipeline = diffusion.load_pipeline(context.weights / "generator")
    fingerprint = "base"
    if trained_in >= 0:
        folder = context.artifact(trained_in, replica("finetune", context.replicate), "generator")
        diffusion.load_finetuned(pipeline, folder)
        fingerprint = folder.name
    return DiffusionGenerator(diffusion.for_sampling(pipeline), config.num_steps, config.guidance), fingerprint


def draw_missing(context: PhaseContext, place: tuple[Table, int], plan: Sequence[dict[str, Any]], generator: Callable[[], Generator]) -> None:
    """Draw and store a row at (*place, index) for each planned picture (fields with `prompt` and `seed`) whose row is not there yet.

    Batches are cut from the plan, not from what is missing, and are stored whole: a resumed phase computes exactly the batches that an uninterrupted
    one would have. Ranks take batches in turn; rank 0 writes.
    """
    size = context.config.generate.batch_size
    present = context.read(lambda store: {index_of(raw_key) for raw_key in store.keys(key(*place))})
    batches = [range(start, min(start + size, len(plan))) for start in range(0, len(plan), size)]
    missing = [batch for batch in batches if batch[0] not in present]
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
            share += [(key(*place, i), Record(dict(plan[i]), encode_png(image))) for i, image in zip(batch, images, strict=True)]
        rows = [row for part in context.world.gather([share]) for row in part]
        context.write_batch(rows)
        faults.reach("sample.batch")
        done += len(rows)
        context.progress.advanced(done, len(plan), "images")
