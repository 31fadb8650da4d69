"""Watermark in the noise: every picture carries a message in the signs of its first noise (Gaussian Shading,
Yang et al. 2024, arXiv 2404.04956).

Nothing of the model changes, and drawing costs what it did. `loopsim watermark` reads it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, final

from pydantic import PositiveInt

from loopsim.config import Config
from loopsim.core.errors import ConfigError
from loopsim.interventions.base import Draw, Place
from loopsim.interventions.marking import Marking

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.diffusion.shading import Shading


@final
class Watermark(Marking):
    """Marks a picture's first noise: each bit of the message stands in every `num_bits`-th of its latents,
    under one of `num_keystreams` keystreams.
    """

    name: ClassVar = "watermark"
    places: ClassVar = frozenset({Place.NOISE})

    num_keystreams: PositiveInt = 256

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
