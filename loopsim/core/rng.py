"""Randomness without state: every draw has a name, and its name is its seed.

A generator is made where it is used, from the run's seed and the draw's name (generation, phase, step or
index). So a sample does not depend on the batch it was drawn in, on the number of workers or processes, or on
what was drawn before it, and resuming needs no saved random state.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Part = int | str


def seed_for(*parts: Part) -> int:
    """Return a 63-bit seed that is a stable hash of `parts` (order and type matter)."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def numpy_generator(*parts: Part) -> np.random.Generator:
    """Return a NumPy generator seeded by `seed_for(*parts)`."""
    return np.random.Generator(np.random.PCG64(seed_for(*parts)))


def torch_generator(*parts: Part) -> "torch.Generator":
    """Return a CPU torch generator seeded by `seed_for(*parts)`."""
    import torch  # here, so that reports and checks, which only need seeds, start without it

    return torch.Generator("cpu").manual_seed(seed_for(*parts))


@lru_cache(maxsize=4)
def _epoch_order(num_items: int, epoch: int, parts: tuple[Part, ...]) -> np.ndarray:
    return numpy_generator(*parts, "epoch", epoch).permutation(num_items)


def epoch_batches(num_items: int, batch_size: int, first_step: int, *parts: Part) -> Iterator[np.ndarray]:
    """Yield, forever from `first_step`, index arrays of shape [batch_size]; the order is a function of
    `parts` and the epoch alone.

    Epochs are laid end to end, so a batch may span two of them and no item is left out at an epoch's end.
    """
    if num_items < 1:
        raise ValueError("cannot draw batches from an empty set")
    step = first_step
    while True:
        positions = np.arange(step * batch_size, (step + 1) * batch_size)
        epochs = positions // num_items
        yield np.array(
            [
                _epoch_order(num_items, int(e), parts)[p % num_items]
                for e, p in zip(epochs, positions, strict=True)
            ]
        )
        step += 1
