"""Corpora that are a list of items: which of them stands in which slot, and which labels they have."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from loopsim.config import ResolvedDataConfig
from loopsim.core.errors import ConfigError
from loopsim.core.group_labels import known_values
from loopsim.core.rng import numpy_generator
from loopsim.data.corpus import Corpus, ItemKey, Record, Split


class FiniteCorpus(Corpus):
    """Items in a seeded order: slot i of a draw is the same item in every run of that seed.

    Every draw takes `data.num_<split>` items that no earlier one took. `name` is a part of the order's seed.
    """

    def __init__(self, name: str, config: ResolvedDataConfig, seed: int) -> None:
        self.name, self.config, self.seed = name, config, seed
        self._orders: dict[Split, np.ndarray] = {}

    @abstractmethod
    def size(self, split: Split) -> int:
        """Return the number of a split's own items."""

    @abstractmethod
    def labels(self, split: Split) -> Mapping[str, Collection[str]]:
        """Return the attributes that a split's own items are labelled with, and the values that occur."""

    def stored(self, split: Split) -> Split:
        """Return the split whose items serve for one: without faces of their own, the held-out pictures
        do.
        """
        return "retrieval" if split == "faces" and self.size("faces") == 0 else split

    def position(self, key: ItemKey) -> tuple[Split, int]:
        """Return which item a key names: the split that it is stored in, and its place there. Raises
        ConfigError if the draw needs more items than there are.
        """
        stored = self.stored(key.split)
        if stored not in self._orders:
            rng = numpy_generator(self.seed, self.name, stored)
            self._orders[stored] = rng.permutation(self.size(stored))
        order, num_items = self._orders[stored], self.config.counts()[key.split]
        place = key.draw * num_items + key.index
        if place >= len(order):
            raise ConfigError(
                f"{key.split} has {len(order):,} pictures; draw {key.draw} of {num_items:,} each needs more: "
                f"lower data.num_{key.split} (fresh_real takes new ones in every generation)"
            )
        return stored, int(order[place])

    def reference(self, num_items: int) -> Sequence[Record]:
        return self.records("retrieval", min(num_items, self.config.counts()["retrieval"]))

    def attributes(self, split: Split = "train") -> Mapping[str, tuple[str, ...]]:
        found = {}
        for attribute, values in sorted(self.labels(self.stored(split)).items()):
            known = known_values(attribute, self.config.values)
            found[attribute] = tuple(
                sorted(values) if known is None else (value for value in known if value in values)
            )
        return found
