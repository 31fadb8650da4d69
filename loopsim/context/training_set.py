"""D_g and S_g as their readers see them: pictures come from the corpus or the store when they are asked for,
so a set of any size fits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from loopsim.context.pictures import BATCH, batches
from loopsim.core.rng import Part, numpy_generator
from loopsim.data.corpus import Corpus, Record
from loopsim.data.images import decode_picture
from loopsim.interventions.workshop import Pictures
from loopsim.store.rows import CurationRow, DatasetRow, SampleRow
from loopsim.store.store import Store

# Decoded pictures that are kept: small sets are decoded once, large ones take no more memory than this.
CACHE_BYTES = 32_000_000


@final
@dataclass(frozen=True)
class Sources:
    """Where each picture of a set comes from, [n] each: `made_for` 0 is a real one, of draw `index`; else
    candidate `index` of S_made_for. `slot` is the caption slot that it answers.
    """

    made_for: np.ndarray
    index: np.ndarray
    slot: np.ndarray

    def __getitem__(self, positions: np.ndarray) -> "Sources":
        return Sources(self.made_for[positions], self.index[positions], self.slot[positions])


def _sources(made_for: Sequence[int], index: Sequence[int], slot: Sequence[int]) -> Sources:
    return Sources(np.array(made_for, np.int32), np.array(index, np.int32), np.array(slot, np.int32))


def caption_of(pictures: Pictures, position: int, *name: Part) -> str:
    """Return one of a picture's captions; which one is a function of `name` (seed, phase, step, …) and the
    position.
    """
    options = pictures.captions(position)
    return options[int(numpy_generator(*name, position).integers(len(options)))]


@final
class TrainingSet:
    """Pictures with their captions (several for a real one, its own for a generated one) and the slots they
    answer.
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

    def select(self, positions: Sequence[int] | np.ndarray) -> "TrainingSet":
        """Return the set of some of its pictures; one may be there several times."""
        return TrainingSet(self.corpus, self.store, self.sources[np.asarray(positions, np.int64)])

    def _record(self, position: int) -> Record:
        return self.corpus.train_record(int(self.sources.slot[position]), int(self.sources.index[position]))

    def _sample(self, position: int) -> SampleRow:
        made_for, index = int(self.sources.made_for[position]), int(self.sources.index[position])
        row = self.store.get(SampleRow, made_for, index)
        assert row is not None, "sets name stored samples only"
        return row

    def captions(self, position: int) -> Sequence[str]:
        """Return a picture's captions."""
        if self.sources.made_for[position] == 0:
            return self._record(position).captions
        return (self._sample(position).caption,)

    def groups(self, position: int) -> Mapping[str, str]:
        """Return a real picture's own labels: attribute -> value; of a generated one nobody knows any."""
        return self._record(position).groups if self.sources.made_for[position] == 0 else {}

    def signature(self, position: int) -> int | None:
        """Return the seed of a generated picture; None for a real one."""
        return None if self.sources.made_for[position] == 0 else self._sample(position).seed

    def caption(self, position: int, *name: int | str) -> str:
        """Return one of a picture's captions; which one is a function of `name` (seed, phase, step, …) and
        the position.
        """
        return caption_of(self, position, *name)

    def images(self, positions: Sequence[int] | np.ndarray) -> Tensor:
        """Return pictures as uint8 [k, h, w, 3]."""
        wanted = [int(position) for position in positions]
        found = {position: self._pictures[position] for position in wanted if position in self._pictures}
        missing = [position for position in dict.fromkeys(wanted) if position not in found]
        real = [position for position in missing if self.sources.made_for[position] == 0]
        found |= dict(zip(real, self.corpus.images([self._record(p) for p in real]), strict=True))
        found |= {p: decode_picture(self._sample(p).picture) for p in missing if p not in found}
        for position in missing:
            if self._bytes + found[position].nbytes <= CACHE_BYTES:
                self._pictures[position] = found[position]
                self._bytes += found[position].nbytes
        return torch.from_numpy(np.stack([found[position] for position in wanted]))

    def batches(self, size: int = BATCH) -> Iterator[Tensor]:
        """Yield all pictures in order, in batches uint8 [k, h, w, 3]."""
        return batches(self, size)


def kept_samples(store: Store, generation: int) -> list[int]:
    """Return the candidates of S_g that curation kept, in order."""
    return [row.index for row in store.scan(CurationRow, generation) if row.kept]


def sources_of_corpus(num_slots: int) -> Sources:
    """Return where the corpus's training pictures lie, slot by slot."""
    return _sources([0] * num_slots, [0] * num_slots, range(num_slots))


def sources_of_samples(store: Store, generation: int, indices: Sequence[int]) -> Sources:
    """Return where S_g's given candidates lie."""
    slots = [row.slot for index in indices if (row := store.get(SampleRow, generation, index)) is not None]
    return _sources([generation] * len(indices), indices, slots)


def sources_of_dataset(store: Store, generation: int) -> Sources:
    """Return what D_g is made of, as compose stored it."""
    return sources_of_rows(store, list(store.scan(DatasetRow, generation)))


def sources_of_rows(store: Store, rows: Sequence[DatasetRow]) -> Sources:
    """Return where the pictures of a D_g's rows lie."""
    slots = [_slot(store, row) for row in rows]
    return _sources([row.made_for for row in rows], [row.index for row in rows], slots)


def _slot(store: Store, row: DatasetRow) -> int:
    if row.slot is not None:
        return row.slot
    sample = store.get(SampleRow, row.made_for, row.index)
    assert sample is not None, "compose names kept samples only"
    return sample.slot
