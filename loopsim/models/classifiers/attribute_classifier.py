"""What labels pictures: a classifier that never changes during a run, so that a drift of what is measured is
not a drift of the ruler.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from loopsim.metrics.confusion import Confusion


@dataclass(frozen=True, kw_only=True)
class AttributeClassifier(ABC):
    """`values` are the labels that it can give, by attribute; `confusion` says how often it was right on
    labelled pictures. `abstains` names the attributes that it may give no label of.

    An attribute without a confusion matrix was never compared with such pictures.
    """

    values: Mapping[str, tuple[str, ...]]
    confusion: Mapping[str, Confusion] = field(default_factory=dict)
    abstains: frozenset[str] = frozenset()

    @abstractmethod
    def label(self, images: Tensor) -> list[dict[str, str]]:
        """Return the likeliest value of every attribute for each of the uint8 images [n, h, w, 3]; "" where
        it gives none.
        """
