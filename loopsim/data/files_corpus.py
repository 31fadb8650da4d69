"""Real data in files, through their manifest."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import final

import numpy as np

from loopsim.config import DataConfig
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.rng import numpy_generator
from loopsim.data.corpus import US_WOMEN, Corpus, Record, Split
from loopsim.data.images import BadPicture, PictureReader, square
from loopsim.data.labels import known_values
from loopsim.data.manifest import Entry, Manifest, Tally, hash_bytes


@final
class FilesCorpus(Corpus):
    """Items in a seeded order: slot i of a draw is the same picture in every run of that seed on that
    manifest.
    """

    def __init__(self, config: DataConfig, seed: int) -> None:
        assert config.manifest is not None, "settled when the run is created"
        self.config, self.seed = config, seed
        self.manifest = Manifest(Path(config.manifest))
        self._orders: dict[Split, np.ndarray] = {}
        self._tallies: dict[Split, Tally] = {}
        train = config.train
        self._reader = PictureReader(getattr(train, "image_column", "image"))
        self._pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2))

    def _stored(self, split: Split) -> Split:
        """Return the manifest's split that serves for one: without faces of their own, the held-out pictures
        do.
        """
        return "retrieval" if split == "faces" and self.config.faces is None else split

    def _tally(self, split: Split) -> Tally:
        if split not in self._tallies:
            self._tallies[split] = self.manifest.tally(split)
        return self._tallies[split]

    def records(self, split: Split, num_items: int, draw: int = 0) -> Sequence[Record]:
        return [self.record(f"{split}/{draw}/{index}") for index in range(num_items)]

    def _entry(self, key: str) -> Entry:
        split, draw, index = key.split("/")
        stored = self._stored(split)  # type: ignore[arg-type]
        if stored not in self._orders:
            self._orders[stored] = numpy_generator(self.seed, "files", stored).permutation(
                self.manifest.size(stored)
            )
        order, counts = self._orders[stored], self.config.counts()
        place = int(draw) * counts[split] + int(index)
        if place >= len(order):
            raise ConfigError(
                f"{split} has {len(order):,} pictures; draw {draw} of {counts[split]:,} each needs more: "
                f"lower data.num_{split} "
                "(fresh_real takes new ones in every generation)"
            )
        return self.manifest.entry(stored, int(order[place]))

    def record(self, key: str) -> Record:
        entry = self._entry(key)
        return Record(key, entry.captions, entry.groups, entry.key)

    def image(self, record: Record) -> np.ndarray:
        entry = self._entry(record.key)
        return self._decoded(entry, self._reader.read(entry.place))

    def images(self, records: Sequence[Record]) -> list[np.ndarray]:
        # Bytes are read one after the other, decoding takes the time: Pillow does it outside of Python's
        # lock.
        entries = [self._entry(record.key) for record in records]
        return list(
            self._pool.map(self._decoded, entries, [self._reader.read(entry.place) for entry in entries])
        )

    def _decoded(self, entry: Entry, data: bytes) -> np.ndarray:
        if hash_bytes(data) != entry.hash:
            raise DataError(
                f"{entry.place.path} ({entry.key}) is not the picture that the manifest "
                f"{self.manifest.path} froze; restore it"
            )
        try:
            return square(data, self.config.image_size, entry.place.box)
        except BadPicture as error:
            raise DataError(f"{entry.place.path} ({entry.key}): {error}") from error

    def reference(self, num_items: int) -> Sequence[Record]:
        return self.records("retrieval", min(num_items, self.config.counts()["retrieval"]))

    def oracle(self, prompt: str, shift: float, rng: np.random.Generator) -> np.ndarray:
        raise ConfigError(
            "generate.generator = 'oracle' needs a corpus whose process is known: data.corpus = 'openmoji'"
        )

    def attributes(self, split: Split = "train") -> Mapping[str, tuple[str, ...]]:
        found = {}
        for attribute, counts in sorted(self._tally(self._stored(split)).groups.items()):
            known = known_values(attribute, self.config.values)
            found[attribute] = (
                tuple(sorted(counts)) if known is None else tuple(value for value in known if value in counts)
            )
        return found

    def reported(self, split: Split) -> tuple[str, ...]:
        return tuple(self.attributes(split))

    def world_women(self) -> Mapping[str, float]:
        return US_WOMEN

    def attribution(self) -> str | None:
        return None


@lru_cache(maxsize=4)
def open_files(config: str, seed: int) -> FilesCorpus:
    """Return the corpus of a `DataConfig` in JSON; a process opens it once."""
    return FilesCorpus(DataConfig.model_validate_json(config), seed)
