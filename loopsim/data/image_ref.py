"""Where a picture's bytes lie: a file, or a part of one."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class ImageRef:
    """Where a picture's bytes lie: a whole file (`length` -1), or `length` bytes from `offset` in a file.

    `box`: the region that is meant (left, top, right, bottom), in pixels; None is the whole picture.
    """

    path: str
    offset: int = 0
    length: int = -1
    box: tuple[float, float, float, float] | None = None
