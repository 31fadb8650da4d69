"""A corpus of your own in twenty lines: list what there is, and draw or read a picture.

    class Squares(Listing):
        def __init__(self, options: Mapping[str, Any], image_size: int) -> None: ...
        def items(self, split: Split) -> Sequence[Example]: ...
        def picture(self, split: Split, position: int) -> np.ndarray: ...

    SQUARES = ListedCorpusKind("squares", Squares)

An installed package names the last line in its entry points, `[project.entry-points."loopsim.corpora"]`,
as `squares = "my_package:SQUARES"`; then a config may say `data.corpus = "squares"`.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from loopsim.config import SPLITS, DataConfig, ResolvedDataConfig, Split
from loopsim.core.errors import DataError
from loopsim.data.corpora.corpus_kind import CorpusKind, counted, require_no_sources
from loopsim.data.corpus import Corpus, ItemKey, Record
from loopsim.data.finite_corpus import FiniteCorpus
from loopsim.data.reading import Report, UnusableText, clean_captions, labels_of


@final
@dataclass(frozen=True)
class Example:
    """One item of a listing: its captions, its labels by sensitive attribute (unknown ones left out), and its
    name if it has one.
    """

    captions: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


class Listing(ABC):
    """What there is. Deterministic: the same options give the same items and the same pictures."""

    @abstractmethod
    def items(self, split: Split) -> Sequence[Example]:
        """Return a split's items. There may be no faces: the retrieval items serve then. Faces may lack
        captions.
        """

    @abstractmethod
    def picture(self, split: Split, position: int) -> np.ndarray:
        """Return the picture of an item as uint8 RGB of shape [image_size, image_size, 3]."""


ListingOf = Callable[[Mapping[str, Any], int], Listing]  # data.options, data.image_size


@final
class ListedCorpus(FiniteCorpus):
    """A listing's items in a seeded order, their labels in loopsim's words."""

    def __init__(self, listing: Listing, config: ResolvedDataConfig, seed: int) -> None:
        super().__init__("listed", config, seed)
        self.listing = listing
        self._items: dict[Split, list[Example]] = {}

    def _checked(self, split: Split) -> list[Example]:
        if split not in self._items:
            self._items[split] = checked_items(self.listing, split, self.config)
        return self._items[split]

    def size(self, split: Split) -> int:
        return len(self._checked(split))

    def labels(self, split: Split) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for item in self._checked(split):
            for attribute, value in item.groups.items():
                found.setdefault(attribute, set()).add(value)
        return found

    def record(self, key: str) -> Record:
        stored, position = self.position(ItemKey.parse(key))
        item = self._checked(stored)[position]
        return Record(key, item.captions, item.groups, item.name)

    def image(self, record: Record) -> np.ndarray:
        stored, position = self.position(ItemKey.parse(record.key))
        picture, side = np.asarray(self.listing.picture(stored, position)), self.config.image_size
        if picture.dtype != np.uint8 or picture.shape != (side, side, 3):
            raise DataError(
                f'data.corpus = "{self.config.corpus}": the picture of {stored} item {position} is '
                f"{picture.dtype} of shape {list(picture.shape)}, not uint8 of shape [{side}, {side}, 3]"
            )
        return picture


def checked_items(listing: Listing, split: Split, data: DataConfig) -> list[Example]:
    """Return a split's items with clean captions and loopsim's words for their labels. Raises DataError for
    the first item that cannot be used.
    """
    found = []
    for position, item in enumerate(listing.items(split)):
        try:
            captions = clean_captions(item.captions)
            if not captions and split != "faces":
                raise UnusableText("no caption")
            groups = labels_of(item.groups, {name: name for name in item.groups}, data.values)
        except UnusableText as error:
            raise DataError(f'data.corpus = "{data.corpus}": {split} item {position}: {error}') from error
        found.append(Example(captions, groups, item.name))
    return found


@final
@dataclass(frozen=True)
class ListedCorpusKind(CorpusKind):
    """The corpora of a listing: `listing` makes it of `data.options` and `data.image_size`."""

    name: str
    listing: ListingOf

    def check(self, data: DataConfig) -> None:
        require_no_sources(data)

    def _items(self, data: DataConfig) -> dict[Split, list[Example]]:
        listing = self.listing(data.options, data.image_size)
        found = {split: checked_items(listing, split, data) for split in SPLITS}
        return found | {"faces": found["faces"] or found["retrieval"]}

    def resolve(self, data: DataConfig, runs_dir: Path, report: Report) -> ResolvedDataConfig:
        sizes = {split: len(items) for split, items in self._items(data).items()}
        for split, size in sizes.items():
            if size == 0:
                raise DataError(f'data.corpus = "{self.name}" lists no item for {split}')
        return ResolvedDataConfig.of(data, **counted(data, sizes))

    def content_hash(self, data: ResolvedDataConfig) -> str:
        """Return the hash of all items' captions, labels and names; pictures are not looked at."""
        whole = hashlib.blake2b(digest_size=16)
        for split, items in self._items(data).items():
            for item in items:
                whole.update(repr((split, item.captions, sorted(item.groups.items()), item.name)).encode())
        return whole.hexdigest()

    def open(self, data: ResolvedDataConfig, seed: int) -> Corpus:
        return ListedCorpus(self.listing(data.options, data.image_size), data, seed)
