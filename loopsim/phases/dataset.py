"""D_g in memory: what compose decided, with pictures from the corpus or from the store."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from loopsim.config import Config
from loopsim.data.corpus import Corpus, Record
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.rng import numpy_generator
from loopsim.run import PhaseContext
from loopsim.store.keys import Table, index_of, key
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class TrainingSet:
    """Images uint8 [n, h, w, 3], the captions of each (several for a real image, its prompt for a generated one), and the slots they answer."""

    images: Tensor
    captions: Sequence[Sequence[str]]
    slots: np.ndarray

    def __len__(self) -> int:
        return len(self.captions)

    def caption(self, index: int, *name: int | str) -> str:
        """Return one of an item's captions; which one is a function of `name` (seed, phase, step, …) and the index."""
        options = self.captions[index]
        return options[int(numpy_generator(*name, index).integers(len(options)))]


def open_corpus(config: Config) -> Corpus:
    """Return the corpus that a config names."""
    return OpenMojiCorpus(config.data.openmoji, config.seed)


def encode_png(image: np.ndarray) -> bytes:
    """Return a uint8 RGB image [h, w, 3] as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def decode_png(data: bytes) -> np.ndarray:
    """Return PNG bytes as uint8 RGB [h, w, 3]."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def corpus_images(corpus: Corpus, records: Sequence[Record]) -> Tensor:
    """Return the records' pictures, uint8 [n, h, w, 3]."""
    return torch.from_numpy(np.stack([corpus.image(record) for record in records]))


def kept_samples(store: Store, generation: int) -> list[int]:
    """Return the candidates of S_g that curation kept, in order."""
    return [index_of(raw_key) for raw_key, row in store.scan(key(Table.CURATION, generation)) if row.fields["kept"]]


def load_samples(store: Store, generation: int, indices: Sequence[int]) -> TrainingSet | None:
    """Return the given candidates of S_g with their prompts as captions; None if there are none."""
    images, captions, slots = [], [], []
    for index in indices:
        row = store.get(key(Table.SAMPLE, generation, index))
        assert row is not None, "a kept candidate has its sample row: both are written by the same phase"
        images.append(decode_png(row.blob))
        captions.append((row.fields["prompt"],))
        slots.append(row.fields["slot"])
    return TrainingSet(torch.from_numpy(np.stack(images)), captions, np.array(slots)) if images else None


def load_training_set(context: PhaseContext) -> TrainingSet:
    """Return D_g as compose stored it."""
    corpus = open_corpus(context.config)

    def read(store: Store) -> TrainingSet:
        images, captions, slots = [], [], []
        for _, row in store.scan(key(Table.DATASET, context.generation)):
            if row.fields["source"] == "real":
                record = corpus.record(row.fields["key"])
                images.append(corpus.image(record))
                captions.append(record.captions)
                slots.append(row.fields["slot"])
            else:
                sample = store.get(key(Table.SAMPLE, row.fields["generation"], row.fields["index"]))
                assert sample is not None, "compose names kept samples only"
                images.append(decode_png(sample.blob))
                captions.append((sample.fields["prompt"],))
                slots.append(sample.fields["slot"])
        return TrainingSet(torch.from_numpy(np.stack(images)), captions, np.array(slots))

    return context.read(read)
