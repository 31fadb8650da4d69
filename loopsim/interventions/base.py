"""The seam: where an intervention may act, and what it is given there."""

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, final

import numpy as np

from loopsim.config.base import Section
from loopsim.core.events import Fact

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.diffusion.sampler import Sampler


class Place(StrEnum):
    """Where an intervention acts."""

    SELECT = "select"  # which pictures enter S_{g+1}
    PROMPT = "prompt"  # what the generator reads
    NOISE = "noise"  # its initial latents
    WEIGHTS = "weights"  # the generator itself: adapters, edits, guidance


@final
@dataclass(frozen=True)
class Draw:
    """One picture to be made: `caption` is what D_{g+1} learns, `prompt` (and `negative`) what the generator
    reads.

    `guidance` None: the sampler's.
    """

    caption: str
    prompt: str
    seed: int
    negative: str = ""
    guidance: float | None = None


@final
@dataclass(frozen=True)
class Candidate:
    """One picture that may enter S_{g+1}: its place in the pool, the caption slot that it answers, CLIP_g's
    score, what the pinned classifier sees in it (empty unless an intervention `asks_labels`), and whether it
    is kept so far.
    """

    index: int
    slot: int
    group: int
    caption: str
    score: float
    labels: Mapping[str, str]
    kept: bool


class Pictures(Protocol):
    """D_g as an intervention sees it: pictures uint8 [k, h, w, 3] by position, and their captions."""

    def __len__(self) -> int: ...
    def captions(self, position: int) -> Sequence[str]: ...
    def images(self, positions: Sequence[int]) -> "Tensor": ...


class Intervention(Section, ABC):
    """One intervention with its settings; every hook is the identity by default.

    `name` is what a config calls its `kind`; `places` decide which phases' fingerprints it enters, and
    `version` changes whenever it would give another result. `asks_labels`: its `select` reads the candidates'
    labels.
    """

    name: ClassVar[str]
    places: ClassVar[frozenset[Place]]
    version: ClassVar[int] = 1
    asks_labels: ClassVar[bool] = False

    def content(self) -> Any:
        """Return what its result depends on, as JSON: its settings, and the hash of files that they name."""
        return self.model_dump(mode="json")

    def pool_size(self, num: int) -> int:
        """Return how many candidates it wants, so that `num` can be kept."""
        return num

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        """Return the positions in the pool of the candidates that are kept, `num` of them if it can be."""
        return [position for position, candidate in enumerate(pool) if candidate.kept]

    def told(self, pool: Sequence[Candidate], chosen: Sequence[int]) -> dict[str, Fact]:
        """Return facts for people about a selection."""
        return {}

    def rewrite(self, draws: Sequence[Draw]) -> list[Draw]:
        """Return the draws with other prompts, negatives or guidance; captions and seeds stay."""
        return list(draws)

    def noise(self, latents: "Tensor", draws: Sequence[Draw]) -> "Tensor":
        """Return the initial latents [n, c, h, w] of n draws, float32 on the CPU."""
        return latents

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        """Change the generator that is about to draw: its weights, its guidance, its steps."""
