"""best_of_k: of each prompt's candidates the one with the best CLIP_g score is kept."""

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from loopsim.config import GenerateConfig
from loopsim.phases.curations.curation import Curation, Decision, best_first


@final
class BestOfK(Curation):
    """`num_candidates` compete for each slot."""

    name: ClassVar = "best_of_k"

    def num_candidates(self, config: GenerateConfig, num_kept: int) -> int:
        return num_kept * config.num_candidates

    def copies(self, config: GenerateConfig) -> int:
        return config.num_candidates

    def decide(self, scores: np.ndarray, groups: Sequence[int], num_kept: int) -> list[Decision]:
        winners: dict[int, int] = {}
        for i in best_first(scores):
            winners.setdefault(groups[i], i)
        best = set(winners.values())
        return [
            (i in best, ("best" if i in best else "not the best") + " CLIP score of its slot")
            for i in range(len(scores))
        ]


BEST_OF_K = BestOfK()
