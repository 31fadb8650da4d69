"""Real data in files, through their manifest."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import final

import numpy as np

from loopsim.config import ResolvedDataConfig
from loopsim.core.errors import DataError
from loopsim.data.corpus import ItemKey, Record, Split
from loopsim.data.finite_corpus import FiniteCorpus
from loopsim.data.formats.corpus_format import picture_reader
from loopsim.data.images import BadPicture, PictureReader, square
from loopsim.data.manifest import Entry, Manifest, Tally, hash_bytes


@final
class FilesCorpus(FiniteCorpus):
    """Items of a manifest: slot i of a draw is the same picture in every run of that seed on that
    manifest.
    """

    def __init__(self, config: ResolvedDataConfig, seed: int) -> None:
        super().__init__("files", config, seed)
        assert config.manifest is not None, "resolve names the manifest"
        self.manifest = Manifest(Path(config.manifest))
        self._tallies: dict[Split, Tally] = {}
        self._readers: dict[Split, PictureReader] = {}
        self._pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2))

    def _tally(self, split: Split) -> Tally:
        if split not in self._tallies:
            self._tallies[split] = self.manifest.tally(split)
        return self._tallies[split]

    def size(self, split: Split) -> int:
        return self._tally(split).num_items

    def labels(self, split: Split) -> Mapping[str, Mapping[str, int]]:
        return self._tally(split).groups

    def _reader(self, stored: Split) -> PictureReader:
        """Return what reads a split's pictures: held-out pictures without a source are train's."""
        sources = self.config.sources()
        split = stored if stored in sources else "train"
        if split not in self._readers:
            self._readers[split] = picture_reader(sources[split], f"data.{split}")
        return self._readers[split]

    def _entry(self, key: str) -> tuple[Entry, PictureReader]:
        stored, position = self.position(ItemKey.parse(key))
        return self.manifest.entry(stored, position), self._reader(stored)

    def record(self, key: str) -> Record:
        entry, _ = self._entry(key)
        return Record(key, entry.captions, entry.groups, entry.key)

    def image(self, record: Record) -> np.ndarray:
        entry, reader = self._entry(record.key)
        return self._decoded(entry, reader.read(entry.place))

    def images(self, records: Sequence[Record]) -> list[np.ndarray]:
        # Bytes are read one after the other, decoding takes the time: Pillow does it outside of Python's
        # lock.
        found = [self._entry(record.key) for record in records]
        data = [reader.read(entry.place) for entry, reader in found]
        return list(self._pool.map(self._decoded, [entry for entry, _ in found], data))

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
