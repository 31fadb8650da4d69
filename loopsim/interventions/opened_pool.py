"""A pool whose pictures' origins are open: what an intervention is shown after it has chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from loopsim.interventions.workshop import Pictures


@final
@dataclass(frozen=True)
class OpenedPool:
    """The pictures of a pool, which of them are real, and a real picture's own labels, as far as the corpus
    has any (attribute -> value).
    """

    pictures: Pictures
    is_real: Sequence[bool]
    groups: Sequence[Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.is_real)
