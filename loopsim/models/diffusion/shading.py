"""Gaussian Shading: a message in the signs of a picture's first noise (Yang et al. 2024, arXiv 2404.04956).

Every bit of the message says in which half of the normal distribution some of the latents lie. With a
keystream over it the signs are fair coins, so that the noise stays N(0, I).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from loopsim.core.rng import numpy_generator


@final
@dataclass(frozen=True)
class Shading:
    """What marks the pictures of one generation, known to who has the `key`.

    The message has `num_bits` bits and is the generation's own. There are `num_keystreams`: pictures that
    share one share all signs of their noise, so that few of them make pictures alike.
    """

    key: str
    generation: int
    num_bits: int
    num_keystreams: int

    @cached_property
    def message(self) -> Tensor:
        """The message, ±1, float32 [num_bits]."""
        return _coins(self.num_bits, self.key, "message", self.generation)

    def keystream(self, number: int, size: int) -> Tensor:
        """Return one keystream, ±1, float32 [size]."""
        return _coins(size, self.key, "keystream", number)

    def keystream_of(self, seed: int) -> int:
        """Return which keystream a picture gets."""
        return int(numpy_generator(seed, "watermark").integers(self.num_keystreams))

    def mark(self, noise: Tensor, seed: int) -> Tensor:
        """Return the noise [c, h, w] of one picture with the message in its signs; sizes stay as they are.

        Of a normal variable, sign and size are independent: |z| with a fair sign is N(0, 1) again, as the
        source's draw from one half of the distribution is.
        """
        size = noise.numel()
        signs = self.message[self._bit_of(size)] * self.keystream(self.keystream_of(seed), size)
        return noise.abs() * signs.view(noise.shape)

    def read(self, noise: Tensor) -> np.ndarray:
        """Return how many bits of noises [n, c, h, w] are the message's, by the keystream that fits best
        (int64 [n]).

        Each bit is the majority of its latents' signs; if they are even, the sign of the latents' sum.
        """
        latents = noise.flatten(1).float()
        size = latents.shape[1]
        streams = torch.stack([self.keystream(number, size) for number in range(self.num_keystreams)])
        by_bit = self._by_bit(streams)
        votes = by_bit @ self._by_bit(latents.sign()).mT  # [num_bits, num_keystreams, n]
        broken = torch.where(votes == 0, by_bit @ self._by_bit(latents).mT, votes)
        right = (broken > 0) == (self.message > 0)[:, None, None]
        return right.sum(0).amax(0).numpy()

    def _bit_of(self, size: int) -> Tensor:
        """Return the bit that each of `size` latents carries: the message, again and again."""
        return torch.arange(size) % self.num_bits

    def _by_bit(self, values: Tensor) -> Tensor:
        """Return [num_bits, n, latents of a bit] of values [n, size]; where a bit has one less, there is a
        0.
        """
        short = -values.shape[1] % self.num_bits
        return nn.functional.pad(values, (0, short)).view(len(values), -1, self.num_bits).permute(2, 0, 1)


def _coins(num: int, *name: int | str) -> Tensor:
    return torch.from_numpy(numpy_generator("watermark", *name).integers(2, size=num) * 2.0 - 1).float()
