"""none: every candidate is kept."""

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from loopsim.phases.curations.curation import Curation, Decision


@final
class KeepAll(Curation):
    """As many are drawn as are kept."""

    name: ClassVar = "none"

    def decide(self, scores: np.ndarray, groups: Sequence[int], num_kept: int) -> list[Decision]:
        return [(True, "every candidate is kept")] * len(scores)


KEEP_ALL = KeepAll()
