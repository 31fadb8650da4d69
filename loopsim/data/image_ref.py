"""Where a picture's bytes lie: a file, a part of one, or a row of a saved dataset."""

from dataclasses import dataclass
from typing import final

ROW = -2  # the `length` of a picture that is a row of a saved dataset


@final
@dataclass(frozen=True)
class ImageRef:
    """Where a picture's bytes lie: a whole file, `length` bytes from `offset` in a file, or (length -2) row
    `offset` of a saved dataset.

    `box`: the region that is meant (left, top, right, bottom), in pixels; None is the whole picture.
    """

    path: str
    offset: int = 0
    length: int = -1
    box: tuple[float, float, float, float] | None = None
