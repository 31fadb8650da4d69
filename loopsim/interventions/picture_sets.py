"""Sets of pictures that an intervention learns from: some of several, and as they look after a journey."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, final

import numpy as np

from loopsim.core.rng import Part, numpy_generator
from loopsim.interventions.workshop import Pictures

if TYPE_CHECKING:
    from torch import Tensor


def some_of(sets: Sequence[Pictures], num: int, *name: Part) -> list[Pictures]:
    """Return `num` of the pictures of several sets, all of them if there are no more, in their order: which,
    is a function of `name` and the sets' sizes. A set of which none is chosen is left out.
    """
    ends = list(accumulate(map(len, sets), initial=0))
    chosen = np.sort(numpy_generator(*name).permutation(ends[-1])[:num])
    found = []
    for pictures, start, end in zip(sets, ends, ends[1:], strict=False):
        positions = chosen[(start <= chosen) & (chosen < end)] - start
        if len(positions):
            found.append(pictures.select(positions.tolist()))
    return found


@final
@dataclass(frozen=True)
class Augmented:
    """The pictures of a set, each blurred with probability `share` and then saved as JPEG with the same
    probability: how, is a function of `seed` and the position.
    """

    pictures: Pictures
    share: float
    seed: tuple[Part, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def captions(self, position: int) -> Sequence[str]:
        """Return a picture's captions."""
        return self.pictures.captions(position)

    def images(self, positions: Sequence[int]) -> "Tensor":
        """Return pictures as uint8 [k, h, w, 3]."""
        import torch

        from loopsim.data.attacks import weathered

        found = self.pictures.images(positions).numpy()
        return torch.from_numpy(
            np.stack(
                [
                    weathered(image, self.share, numpy_generator(*self.seed, int(position)))
                    for image, position in zip(found, positions, strict=True)
                ]
            )
        )

    def select(self, positions: Sequence[int]) -> "Augmented":
        """Return the set of some of its pictures, as they look at their new positions."""
        return Augmented(self.pictures.select(positions), self.share, self.seed)
