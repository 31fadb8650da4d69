"""What watermarks share: whom they mark, and in which generation."""

from typing import Annotated, Self

from pydantic import Field, PrivateAttr

from loopsim.config.base import Share
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Intervention


class Marking(Intervention):
    """Marks a `share` of the pictures; the others stand for sources that do not mark theirs.

    The message has `num_bits` bits, another one in each generation. What is marked and with what is a
    function of the draw's seed and of `key`.
    """

    num_bits: Annotated[int, Field(ge=8)] = 128
    key: Annotated[str, Field(min_length=1)] = "loopsim"
    share: Share = 1.0

    _generation: int = PrivateAttr(default=0)

    def at(self, generation: int) -> Self:
        copy = self.model_copy()
        copy._generation = generation
        return copy

    def acts(self) -> bool:
        return self.share > 0

    def marks(self, seed: int) -> bool:
        """Return whether the picture of a seed is marked."""
        return bool(numpy_generator(seed, self.name, "share").random() < self.share)
