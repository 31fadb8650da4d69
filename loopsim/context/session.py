"""What is expensive is opened once: the corpus, models, and what measures compute from things that never
change.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, final

import torch

from loopsim.config import ResolvedDataConfig
from loopsim.core.device import Device
from loopsim.data.corpora import CORPORA
from loopsim.data.corpus import Corpus

T = TypeVar("T")
MAX_MODELS = 6  # of those that several readers share; what is trained belongs to its phase alone


@final
class Session:
    """Holds what phases share, as long as a run is open.

    Models are kept until `MAX_MODELS` others were asked for since; on a GPU a generator needs all the room,
    so that asking for one releases the others, and asking for another releases it.
    """

    def __init__(self, data: ResolvedDataConfig, seed: int, device: Device) -> None:
        self.device = device
        self._data, self._seed = data, seed
        self._corpus: Corpus | None = None
        self._models: OrderedDict[Hashable, Any] = OrderedDict()
        self._generators: set[Hashable] = set()
        self._remembered: dict[Hashable, Any] = {}

    @property
    def corpus(self) -> Corpus:
        """The run's corpus."""
        if self._corpus is None:
            self._corpus = CORPORA.get(self._data.corpus).open(self._data, self._seed)
        return self._corpus

    def model(self, key: Hashable, load: Callable[[], T], *, is_generator: bool = False) -> T:
        """Return the model of that key, loaded if it is not held."""
        if key not in self._models:
            self._make_room(is_generator)
            self._models[key] = load()
            if is_generator:
                self._generators.add(key)
        self._models.move_to_end(key)
        found: T = self._models[key]
        return found

    def _make_room(self, for_generator: bool) -> None:
        if self.device.kind != "cpu":
            leaving = [key for key in self._models if for_generator or key in self._generators]
        else:
            leaving = [key for key in self._models if for_generator and key in self._generators]
        for key in leaving:
            self._release(key)
        while len(self._models) >= MAX_MODELS:
            self._release(next(iter(self._models)))

    def _release(self, key: Hashable) -> None:
        del self._models[key]
        self._generators.discard(key)
        if self.device.kind == "cuda":
            torch.cuda.empty_cache()

    def release_generators(self) -> None:
        """Let every generator go: a phase is about to train, and needs the room."""
        for key in list(self._generators):
            self._release(key)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gives, made once: for what is the same in every generation."""
        if key not in self._remembered:
            self._remembered[key] = make()
        found: T = self._remembered[key]
        return found
