"""What every corpus gives: records (key, captions, groups) and their pictures."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

Split = Literal["train", "retrieval", "faces"]


@final
@dataclass(frozen=True)
class Record:
    """One item of a corpus, without its picture.

    `key` names it within its corpus for ever; `groups` maps each sensitive attribute to this item's value, e.g.
    `{"gender": "woman", "skin_tone": "darker"}`.
    """

    key: str
    captions: tuple[str, ...]
    groups: Mapping[str, str]


class Corpus(ABC):
    """A source of real data. Deterministic: the same arguments give the same records and the same pictures."""

    @abstractmethod
    def records(self, split: Split, num_items: int, draw: int = 0) -> Sequence[Record]:
        """Return `num_items` records of a split; another `draw` gives fresh, unseen real data of the same distribution."""

    @abstractmethod
    def record(self, key: str) -> Record:
        """Return the record of that key. Raises DataError if there is none."""

    @abstractmethod
    def image(self, record: Record) -> np.ndarray:
        """Return a record's picture as uint8 RGB of shape [height, width, 3]."""

    @abstractmethod
    def oracle(self, prompt: str, shift: float, rng: np.random.Generator) -> np.ndarray:
        """Return a fresh real picture, as `image` does, that a prompt could be the caption of: the control of METRICS.md §4.

        What the prompt leaves open is drawn from the corpus's own distribution given what it states, with P(woman) moved by `shift`.
        """

    @abstractmethod
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """Return every sensitive attribute with its values, in their order of report."""

    @abstractmethod
    def attribution(self) -> str | None:
        """Return the credit line that the pictures' licence asks for, if any."""
