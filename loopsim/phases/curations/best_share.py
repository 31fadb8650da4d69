"""best_share: the share of all candidates with the best CLIP_g scores is kept."""

import math
from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from loopsim.config import GenerateConfig
from loopsim.phases.curations.curation import Curation, Decision, best_first


@final
class BestShare(Curation):
    """`keep_share` of the candidates are kept."""

    name: ClassVar = "best_share"

    def num_candidates(self, config: GenerateConfig, num_kept: int) -> int:
        return math.ceil(num_kept / config.keep_share)

    def decide(self, scores: np.ndarray, groups: Sequence[int], num_kept: int) -> list[Decision]:
        best = set(best_first(scores)[:num_kept])
        reason = f"CLIP score among the best {num_kept} of {len(scores)}"
        return [(i in best, reason if i in best else "not " + reason) for i in range(len(scores))]


BEST_SHARE = BestShare()
