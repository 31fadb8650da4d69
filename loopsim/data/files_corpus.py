"""Real data in files, through their manifest."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import final

import numpy as np

from loopsim.config import ResolvedDataConfig
from loopsim.core.errors import DataError
from loopsim.core.text import printable
from loopsim.data.bounded_work import in_order
from loopsim.data.corpus import ItemKey, Record, Split
from loopsim.data.finite_corpus import FiniteCorpus
from loopsim.data.images import BadPicture, square
from loopsim.data.manifest import Entry, Manifest, hash_bytes
from loopsim.data.picture_reader import PictureReader


@final
class FilesCorpus(FiniteCorpus):
    """Items of a manifest: slot i of a draw is the same picture in every run of that seed on that
    manifest.
    """

    def __init__(self, config: ResolvedDataConfig, seed: int) -> None:
        super().__init__("files", config, seed)
        assert config.manifest is not None, "resolve names the manifest"
        self.manifest = Manifest(Path(config.manifest))
        self._reader = PictureReader()
        self._pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2))

    def size(self, split: Split) -> int:
        return self.manifest.tally(split).num_items

    def labels(self, split: Split) -> Mapping[str, Mapping[str, int]]:
        return self.manifest.tally(split).groups

    def _entry(self, key: str) -> Entry:
        return self.manifest.entry(*self.position(ItemKey.parse(key)))

    def record(self, key: str) -> Record:
        entry = self._entry(key)
        return Record(key, entry.captions, entry.groups, entry.key)

    def image(self, record: Record) -> np.ndarray:
        entry = self._entry(record.key)
        return self._decoded(entry, self._reader.read(entry.place))

    def images(self, records: Sequence[Record]) -> list[np.ndarray]:
        # Bytes are read one after the other, decoding takes the time: Pillow does it outside of Python's
        # lock.
        return list(in_order(self._pool, self._decodings(records)))

    def _decodings(self, records: Sequence[Record]) -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
        for entry in [self._entry(record.key) for record in records]:
            data = self._reader.read(entry.place)
            yield len(data), partial(self._decoded, entry, data)

    def _decoded(self, entry: Entry, data: bytes) -> np.ndarray:
        name = printable(f"{entry.place.path} ({entry.key})")
        if hash_bytes(data) != entry.hash:
            raise DataError(
                f"{name} is not the picture that the manifest {self.manifest.path} froze; restore it"
            )
        try:
            return square(data, self.config.image_size, entry.place.box)
        except BadPicture as error:
            raise DataError(f"{name}: {error}") from error
