"""What a curation is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from loopsim.config import GenerateConfig
from loopsim.core.choices import Choices

Decision = tuple[bool, str]  # kept or not, and why


class Curation(ABC):
    """How many candidates are drawn, which of them compete, and which CLIP_g's scores keep."""

    name: ClassVar[str]

    def num_candidates(self, config: GenerateConfig, num_kept: int) -> int:
        """Return how many pictures are drawn so that `num_kept` can be kept."""
        return num_kept

    def copies(self, config: GenerateConfig) -> int:
        """Return how many candidates of one prompt compete with each other."""
        return 1

    @abstractmethod
    def decide(self, scores: np.ndarray, groups: Sequence[int], num_kept: int) -> list[Decision]:
        """Return for each candidate, scores [n], whether it is kept, and why; equal scores go to the lower
        index.
        """


def best_first(scores: np.ndarray) -> list[int]:
    """Return candidates by falling score, equal ones by index."""
    ranking: list[int] = np.argsort(-scores, kind="stable").tolist()
    return ranking


CURATIONS: Choices[Curation] = Choices("generate.curation", Curation, "loopsim.phases.curations")
