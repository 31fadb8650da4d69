"""D_g and S_g as their readers see them: pictures come from the corpus or the store when they are asked for,
so a set of any size fits.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from loopsim.config import Config
from loopsim.context.context import PhaseContext
from loopsim.core.rng import numpy_generator
from loopsim.data.corpus import Corpus, Record
from loopsim.data.files_corpus import open_files
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.store.keys import Table, index_of, key
from loopsim.store.store import Record as Row
from loopsim.store.store import Store

BATCH = 250
# Decoded pictures that are kept: small sets are decoded once, large ones take no more memory than this.
CACHE_BYTES = 32_000_000


@final
@dataclass(frozen=True)
class Sources:
    """Where each picture of a set comes from, [n] each: `generation` 0 is a real one, of draw `index`; else
    candidate `index` of S_generation.
    """

    generation: np.ndarray
    index: np.ndarray
    slot: np.ndarray

    def __getitem__(self, positions: np.ndarray) -> "Sources":
        return Sources(self.generation[positions], self.index[positions], self.slot[positions])


@final
class TrainingSet:
    """Pictures with their captions (several for a real one, its prompt for a generated one) and the caption
    slots that they answer.
    """

    def __init__(self, corpus: Corpus, store: Store, sources: Sources) -> None:
        self.corpus, self.store, self.sources = corpus, store, sources
        self._pictures: dict[int, np.ndarray] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.sources.slot)

    @property
    def slots(self) -> np.ndarray:
        """The slots, [n]."""
        return self.sources.slot

    def select(self, positions: np.ndarray) -> "TrainingSet":
        """Return the set of some of its pictures."""
        return TrainingSet(self.corpus, self.store, self.sources[positions])

    def _record(self, position: int) -> Record:
        draw, slot = self.sources.index[position], self.sources.slot[position]
        return self.corpus.record(f"train/{draw}/{slot}")

    def _sample(self, position: int) -> Row:
        row = self.store.get(
            key(Table.SAMPLE, int(self.sources.generation[position]), int(self.sources.index[position]))
        )
        assert row is not None, "sets name stored samples only"
        return row

    def captions(self, position: int) -> Sequence[str]:
        """Return a picture's captions."""
        if self.sources.generation[position] == 0:
            return self._record(position).captions
        return (self._sample(position).fields["prompt"],)

    def caption(self, position: int, *name: int | str) -> str:
        """Return one of a picture's captions; which one is a function of `name` (seed, phase, step, …) and
        the position.
        """
        options = self.captions(position)
        return options[int(numpy_generator(*name, position).integers(len(options)))]

    def images(self, positions: Sequence[int] | np.ndarray) -> Tensor:
        """Return pictures as uint8 [k, h, w, 3]."""
        wanted = [int(position) for position in positions]
        found = {position: self._pictures[position] for position in wanted if position in self._pictures}
        missing = [position for position in dict.fromkeys(wanted) if position not in found]
        real = [position for position in missing if self.sources.generation[position] == 0]
        found |= dict(
            zip(real, self.corpus.images([self._record(position) for position in real]), strict=True)
        )
        found |= {
            position: decode_picture(self._sample(position).blob)
            for position in missing
            if position not in found
        }
        for position in missing:
            if self._bytes + found[position].nbytes <= CACHE_BYTES:
                self._pictures[position] = found[position]
                self._bytes += found[position].nbytes
        return torch.from_numpy(np.stack([found[position] for position in wanted]))

    def batches(self, size: int = BATCH) -> Iterator[Tensor]:
        """Yield all pictures in order, in batches uint8 [k, h, w, 3]."""
        for start in range(0, len(self), size):
            yield self.images(range(start, min(start + size, len(self))))


def open_corpus(config: Config) -> Corpus:
    """Return the corpus that a run's config names."""
    if config.data.corpus == "openmoji":
        return OpenMojiCorpus(config.data.openmoji, config.seed)
    return open_files(config.data.model_dump_json(), config.seed)


def encode_picture(image: np.ndarray, format_: Literal["png", "jpeg"] = "png") -> bytes:
    """Return a uint8 RGB image [h, w, 3] as PNG, or as JPEG of quality 95."""
    buffer = io.BytesIO()
    settings: dict[str, Any] = (
        {"compress_level": 1} if format_ == "png" else {"quality": 95, "subsampling": 0}
    )
    Image.fromarray(image).save(buffer, format=format_.upper(), **settings)
    return buffer.getvalue()


def decode_picture(data: bytes) -> np.ndarray:
    """Return an encoded picture as uint8 RGB [h, w, 3]."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def read_records(corpus: Corpus, records: Sequence[Record], size: int = BATCH) -> Iterator[Tensor]:
    """Yield the records' pictures in order, in batches uint8 [k, h, w, 3]."""
    for start in range(0, len(records), size):
        yield torch.from_numpy(np.stack(corpus.images(records[start : start + size])))


def kept_samples(store: Store, generation: int) -> list[int]:
    """Return the candidates of S_g that curation kept, in order."""
    return [
        index_of(raw_key)
        for raw_key, row in store.scan(key(Table.CURATION, generation))
        if row.fields["kept"]
    ]


def load_samples(
    context: PhaseContext, generation: int, indices: Sequence[int] | None = None
) -> TrainingSet | None:
    """Return S_g's kept samples, or the given candidates, with their prompts as captions; None if there are
    none.
    """

    def read(store: Store) -> Sources:
        chosen = kept_samples(store, generation) if indices is None else list(indices)
        slots = [
            row.fields["slot"]
            for index in chosen
            if (row := store.get(key(Table.SAMPLE, generation, index))) is not None
        ]
        return Sources(
            np.full(len(chosen), generation, np.int32), np.array(chosen, np.int32), np.array(slots, np.int32)
        )

    sources = context.read(read)
    return TrainingSet(open_corpus(context.config), context.reader, sources) if len(sources.slot) else None


def load_training_set(context: PhaseContext) -> TrainingSet:
    """Return D_g as compose stored it."""

    def read(store: Store) -> Sources:
        rows = [row.fields for _, row in store.scan(key(Table.DATASET, context.generation))]
        real = [fields["source"] == "real" for fields in rows]
        slots = [
            fields["slot"] if is_real else sampled_slot(store, fields["generation"], fields["index"])
            for fields, is_real in zip(rows, real, strict=True)
        ]
        indices = [
            int(fields["key"].split("/")[1]) if is_real else fields["index"]
            for fields, is_real in zip(rows, real, strict=True)
        ]
        generations = [
            0 if is_real else fields["generation"] for fields, is_real in zip(rows, real, strict=True)
        ]
        return Sources(
            np.array(generations, np.int32), np.array(indices, np.int32), np.array(slots, np.int32)
        )

    return TrainingSet(open_corpus(context.config), context.reader, context.read(read))


def sampled_slot(store: Store, generation: int, index: int) -> int:
    """Return the slot that a candidate answers."""
    row = store.get(key(Table.SAMPLE, generation, index))
    assert row is not None, "compose names kept samples only"
    return row.fields["slot"]
