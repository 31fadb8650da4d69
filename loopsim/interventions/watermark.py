"""Watermark in the noise: every picture carries a message in the signs of its first noise (Gaussian Shading,
Yang et al. 2024, arXiv 2404.04956).

Nothing of the model changes, and drawing costs what it did. `loopsim watermark` reads it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field, PositiveInt, PrivateAttr

from loopsim.config import Config
from loopsim.config.base import Share
from loopsim.core.errors import ConfigError
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Draw, Intervention, Place

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.diffusion.shading import Shading


@final
class Watermark(Intervention):
    """Marks a `share` of the pictures; the others stand for sources that do not mark theirs.

    The message has `num_bits` bits, another one in each generation, and stands in every `num_bits`-th of a
    picture's latents. What is marked and with what is a function of the draw's seed and of `key`.
    """

    name: ClassVar = "watermark"
    places: ClassVar = frozenset({Place.NOISE})

    num_bits: Annotated[int, Field(ge=8)] = 128
    key: Annotated[str, Field(min_length=1)] = "loopsim"
    num_keystreams: PositiveInt = 256
    share: Share = 1.0

    _generation: int = PrivateAttr(default=0)

    def at(self, generation: int) -> "Watermark":
        copy = self.model_copy()
        copy._generation = generation
        return copy

    def acts(self) -> bool:
        return self.share > 0

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        from loopsim.models.base_weights import weights_folder
        from loopsim.models.diffusion.loading import num_latents

        size = config.data.image_size
        found = num_latents(config.generator, weights_folder(config) / "generator", size)
        if found < self.num_bits:
            raise ConfigError(
                f"pictures of {size} pixels have {found:,} latents, too few for num_bits = {self.num_bits}: "
                "take fewer bits, or larger pictures"
            )

    def marks(self, seed: int) -> bool:
        """Return whether the picture of a seed is marked."""
        return bool(numpy_generator(seed, "watermark", "share").random() < self.share)

    @property
    def shading(self) -> "Shading":
        """What its pictures are marked with, in the generation that it stands for."""
        from loopsim.models.diffusion.shading import Shading

        return Shading(self.key, self._generation, self.num_bits, self.num_keystreams)

    def noise(self, latents: "Tensor", draws: Sequence[Draw]) -> "Tensor":
        import torch

        shading = self.shading
        rows = [
            shading.mark(row, draw.seed) if self.marks(draw.seed) else row
            for row, draw in zip(latents, draws, strict=True)
        ]
        return torch.stack(rows)
