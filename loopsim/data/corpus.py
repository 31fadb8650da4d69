"""What every corpus gives: records (key, captions, groups) and their pictures."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np

from loopsim.config import SPLITS
from loopsim.config import Split as Split
from loopsim.core.errors import ConfigError, DataError


@final
@dataclass(frozen=True)
class ItemKey:
    """Which item of a corpus: the `index`-th of a split in one `draw`. Written "train/0/17" in a run's rows
    and in the names of random draws.
    """

    split: Split
    draw: int
    index: int

    def __str__(self) -> str:
        return f"{self.split}/{self.draw}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key that a text writes. Raises DataError if it is none."""
        try:
            name, draw, index = text.split("/")
            return cls(next(split for split in SPLITS if split == name), int(draw), int(index))
        except (ValueError, StopIteration) as error:
            raise DataError(f"{text!r} is no item of a corpus: keys look like train/0/17") from error


@final
@dataclass(frozen=True)
class Record:
    """One item of a corpus, without its picture.

    `key` names it within its corpus for ever; `groups` maps each sensitive attribute to this item's value,
    e.g. `{"gender": "woman", "skin_tone": "darker"}`; an attribute that nobody labelled is left out. `name`
    is what its publisher calls it.
    """

    key: str
    captions: tuple[str, ...]
    groups: Mapping[str, str]
    name: str = ""


# P(woman | profession), % of employed: US Bureau of Labor Statistics 2015/16, for the neutral
# prompts of real corpora.
US_WOMEN = {
    "mechanic": 0.018, "carpenter": 0.021, "firefighter": 0.035, "machinist": 0.067, "engineer": 0.107,
    "programmer": 0.184, "chef": 0.196,
    "officer": 0.304, "paramedic": 0.329, "lawyer": 0.345, "chemist": 0.361, "doctor": 0.379, "worker": 0.379,
    "scientist": 0.419,
    "investigator": 0.452, "administrator": 0.549, "clerk": 0.695, "teacher": 0.710, "cashier": 0.725,
    "nurse": 0.896, "receptionist": 0.906,
    "secretary": 0.946,
}  # fmt: skip
# COCO's instances, types I-III against IV-VI (Zhao et al. 2021).
COCO_DARKER = (1063 + 528 + 468) / (4371 + 8922 + 2425 + 1063 + 528 + 468)


class Corpus(ABC):
    """A source of real data. Deterministic: the same arguments give the same records and the same
    pictures.
    """

    @abstractmethod
    def record(self, key: str) -> Record:
        """Return the record of that key, an `ItemKey` as text. Raises DataError if there is none."""

    def records(self, split: Split, num_items: int, draw: int = 0) -> Sequence[Record]:
        """Return `num_items` records of a split; another `draw` gives fresh, unseen real data of the same
        distribution.
        """
        return [self.record(str(ItemKey(split, draw, index))) for index in range(num_items)]

    def train_record(self, slot: int, draw: int = 0) -> Record:
        """Return the record of a caption slot: one of the training split's items."""
        return self.record(str(ItemKey("train", draw, slot)))

    @abstractmethod
    def image(self, record: Record) -> np.ndarray:
        """Return a record's picture as uint8 RGB of shape [height, width, 3]."""

    def images(self, records: Sequence[Record]) -> list[np.ndarray]:
        """Return several records' pictures."""
        return [self.image(record) for record in records]

    @abstractmethod
    def reference(self, num_items: int) -> Sequence[Record]:
        """Return up to `num_items` records of real pictures that no generation trains on, for comparison with
        generated ones.
        """

    @abstractmethod
    def attributes(self, split: Split = "train") -> Mapping[str, tuple[str, ...]]:
        """Return every attribute that a split's items are labelled with, and its values in their order of
        report.
        """

    def reported(self, split: Split) -> tuple[str, ...]:
        """Return the attributes whose groups every metric is reported for."""
        return tuple(self.attributes(split))

    def oracle(self, prompt: str, shift: float, rng: np.random.Generator) -> np.ndarray:
        """Return a fresh real picture, as `image` does, that a prompt could be the caption of: the control of
        docs/calibration.md.

        What the prompt leaves open is drawn from the corpus's own distribution given what it states, with
        P(woman) moved by `shift`. Raises ConfigError where nobody knows that distribution.
        """
        raise ConfigError(
            "generate.generator = 'oracle' needs a corpus whose process is known: data.corpus = 'openmoji'"
        )

    def world_women(self) -> Mapping[str, float]:
        """Return P(woman | profession) in the world, for the neutral prompts."""
        return US_WOMEN

    def world_darker(self) -> float:
        """Return the share of people with darker skin in the world."""
        return COCO_DARKER
