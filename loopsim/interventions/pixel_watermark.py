"""Watermark in the pixels: a message in the coefficients of every picture (DwtDct, as Stable Diffusion's own
scripts write it; Cox et al. 2007).

The package invisible-watermark writes and reads it, from 256 pixels on; it needs no weights to be read.
`loopsim watermark` reads it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal, final

import numpy as np
from pydantic import Field

from loopsim.config import Config
from loopsim.core.errors import ConfigError
from loopsim.core.packages import require_package
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Draw, Place
from loopsim.interventions.marking import Marking

_LEAST = 256  # pixels a side; the package refuses smaller ones
_BLOCK: Final = 8  # pixels a side of what holds one bit


@final
class PixelWatermark(Marking):
    """Marks a picture once it is drawn: each bit of the message stands in many blocks of 8 x 8 pixels.

    `method`: "dwtDct" changes the largest coefficient of each block, "dwtDctSvd" its largest singular value
    (slower, and less is lost).
    """

    name: ClassVar = "pixel_watermark"
    places: ClassVar = frozenset({Place.PICTURE})

    num_bits: Annotated[int, Field(ge=8)] = 48
    method: Literal["dwtDct", "dwtDctSvd"] = "dwtDct"

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        size = config.data.image_size
        if size < _LEAST:
            raise ConfigError(
                f"pictures of {size} pixels are too small, it takes {_LEAST} a side: draw larger ones, or "
                'mark the noise (kind = "watermark")'
            )
        if (blocks := (size // _BLOCK) ** 2) < self.num_bits:
            raise ConfigError(
                f"pictures of {size} pixels have {blocks:,} blocks, too few for num_bits = {self.num_bits}: "
                "take fewer bits, or larger pictures"
            )
        require_package("imwatermark", "watermark", "a watermark in pixels")

    def message(self) -> np.ndarray:
        """Return the message of its generation, bool [num_bits], half of it ones."""
        order = numpy_generator(self.key, self.name, self._generation).permutation(self.num_bits)
        found: np.ndarray = order < self.num_bits // 2
        return found

    def finish(self, images: np.ndarray, draws: Sequence[Draw]) -> np.ndarray:
        from imwatermark import WatermarkEncoder

        encoder = WatermarkEncoder()
        encoder.set_watermark("bits", self.message().astype(int).tolist())
        return np.stack(
            [
                encoder.encode(image[..., ::-1].copy(), self.method)[..., ::-1]
                if self.marks(draw.seed)
                else image
                for image, draw in zip(images, draws, strict=True)
            ]
        )

    def read(self, images: np.ndarray) -> np.ndarray:
        """Return how many bits of the message are right in each picture, int [n], of uint8 [n, h, w, 3]."""
        from imwatermark import WatermarkDecoder

        decoder, message = WatermarkDecoder("bits", self.num_bits), self.message()
        read = [np.asarray(decoder.decode(image[..., ::-1].copy(), self.method), bool) for image in images]
        return np.array([(bits == message).sum() for bits in read], np.int64)
