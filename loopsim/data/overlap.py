"""Pictures that a model trains on and is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from loopsim.config import Split
from loopsim.data.looks import SIZE, nearest_look
from loopsim.data.manifest import Manifest


@final
@dataclass(frozen=True)
class Copy:
    """A held-out picture, and one of train that has the same bytes (exact) or looks the same, by name."""

    key: str
    train_key: str
    is_exact: bool


@final
@dataclass(frozen=True)
class Overlap:
    """How many of a held-out split's pictures are in train, too: as exact copies, and saved again.
    `num_plain` are too plain to be compared by their look. `examples` are exact copies, then near ones.
    """

    split: str
    num_images: int
    num_exact: int
    num_near: int
    num_plain: int
    examples: Sequence[Copy]


def overlap_with_train(manifest: Manifest, split: Split, num_examples: int) -> Overlap:
    """Return which of a held-out split's pictures are in train, too. It takes a few seconds for 100,000: see
    `looks.nearest_look`.
    """
    looks, exact = _array(manifest.looks(split)), manifest.copies(split)
    others = np.setdiff1d(np.arange(len(looks)), list(exact))
    nearest, compared = nearest_look(_array(manifest.looks("train")), looks[others])
    near = {int(others[i]): int(nearest[i]) for i in np.flatnonzero(nearest >= 0)}
    pairs = [(*pair, pairs is exact) for pairs in (exact, near) for pair in sorted(pairs.items())]
    examples = [
        Copy(manifest.entry(split, mine).key, manifest.entry("train", other).key, is_exact)
        for mine, other, is_exact in pairs[:num_examples]
    ]
    return Overlap(split, len(looks), len(exact), len(near), int((~compared).sum()), examples)


def _array(looks: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(looks), np.uint8).reshape(-1, SIZE)
