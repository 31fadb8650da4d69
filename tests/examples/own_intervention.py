"""An intervention of your own: short captions first.

In a package: [project.entry-points."loopsim.interventions"]
short_captions = "my_package.own_intervention:ShortCaptions"
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from loopsim import Candidate, Intervention, Place


class ShortCaptions(Intervention):
    """Keeps the candidates whose captions have at most `words` words first, then the best of the others."""

    name: ClassVar = "short_captions"
    places: ClassVar = frozenset({Place.SELECT})

    words: int = 8

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        def rank(position: int) -> tuple[bool, float]:
            return len(pool[position].caption.split()) > self.words, -pool[position].score

        return sorted(sorted(range(len(pool)), key=rank)[:num])
