"""A corpus of your own: grey squares, one a shade; odd ones are labelled as women's.

In a package: [project.entry-points."loopsim.corpora"]
squares = "my_package.own_corpus:SQUARES"
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loopsim import Example, ListedCorpusKind, Listing


class Squares(Listing):
    """`data.options = {num_shades = 12}`."""

    def __init__(self, options: Mapping[str, Any], image_size: int) -> None:
        self.num_shades, self.image_size = options.get("num_shades", 12), image_size

    def items(self, split: str) -> Sequence[Example]:
        labels = ("M", "F")
        return [Example((f"a square of shade {i}",), {"sex": labels[i % 2]}) for i in range(self.num_shades)]

    def picture(self, split: str, position: int) -> np.ndarray:
        return np.full((self.image_size, self.image_size, 3), 20 * position, np.uint8)


SQUARES = ListedCorpusKind("squares", Squares)
