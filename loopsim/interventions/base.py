"""The seam: where an intervention may act, and what it is given there."""

from abc import ABC
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from loopsim.config import Config
from loopsim.config.base import Section
from loopsim.core.events import Fact
from loopsim.interventions.draw import Candidate, Draw
from loopsim.interventions.opened_pool import OpenedPool
from loopsim.interventions.workshop import Pictures, Pool, Prepared, Rulers, Workshop

__all__ = [
    "Candidate",
    "Draw",
    "Intervention",
    "OpenedPool",
    "Pictures",
    "Place",
    "Pool",
    "Prepared",
    "Rulers",
    "Workshop",
]

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.diffusion.sampler import Sampler


class Place(StrEnum):
    """Where an intervention acts."""

    POOL = "pool"  # which pictures of a pool, real or not, enter D_g
    SELECT = "select"  # which candidates enter S_{g+1}
    PROMPT = "prompt"  # what the generator reads
    NOISE = "noise"  # its initial latents
    PICTURE = "picture"  # what was drawn, before it is stored
    WEIGHTS = "weights"  # the generator itself: adapters, edits, guidance


class Intervention(Section, ABC):
    """One intervention with its settings; every hook is the identity by default.

    `name` is what a config calls its `kind`; `places` decide which phases' fingerprints it enters, and
    `version` changes whenever it would give another result. `asks_labels`: its `select` reads the candidates'
    labels, and `label_values` says which there can be.
    """

    name: ClassVar[str]
    places: ClassVar[frozenset[Place]]
    version: ClassVar[int] = 1
    asks_labels: ClassVar[bool] = False

    _prepared: Path | None = PrivateAttr(default=None)
    _label_values: Mapping[str, Sequence[str]] = PrivateAttr(default={})

    @property
    def prepared(self) -> Path:
        """The folder that `prepare` filled."""
        assert self._prepared is not None, "only an intervention that prepares is given a folder"
        return self._prepared

    def with_prepared(self, folder: Path) -> Self:
        """Return the intervention with what it learned."""
        copy = self.model_copy()
        copy._prepared = folder
        return copy

    @property
    def label_values(self) -> Mapping[str, Sequence[str]]:
        """What the pinned classifier can say, by attribute; empty unless it `asks_labels` and selects."""
        return self._label_values

    def with_label_values(self, values: Mapping[str, Sequence[str]]) -> Self:
        """Return the intervention with what the pinned classifier can say."""
        copy = self.model_copy()
        copy._label_values = values
        return copy

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        """Raise ConfigError for what it cannot do in a loop, before anything is trained: `config` names the
        generator's family, `labels` are the values that the pinned classifier knows, by attribute.
        """

    def acts(self) -> bool:
        """Return whether it changes anything. One whose strength is 0 does not, and is not asked."""
        return True

    def content(self) -> Any:
        """Return what its result depends on, as JSON: its settings, and the hash of files that they name."""
        return self.model_dump(mode="json")

    def prepares(self) -> bool:
        """Return whether it learns something first, in a phase of its own; what it learned is in `prepared`
        when it acts. One whose strength is 0 has nothing to learn.
        """
        return False

    def prepare(self, workshop: Workshop) -> Prepared:
        """Learn what it needs, after SD_g was trained and before it draws; asked only if it `prepares`."""
        raise NotImplementedError(f"{self.name} says that it prepares, and does not")

    def choose(self, pool: Pool, rng: np.random.Generator, rulers: Rulers) -> list[int]:
        """Return which pictures of a pool, whose origins are hidden, make D_g, in order; one may be there
        twice.
        """
        return list(range(len(pool)))

    def pool_size(self, num: int) -> int:
        """Return how many candidates it wants, so that `num` can be kept."""
        return num

    def copies(self) -> int:
        """Return how many candidates of one prompt it wants to compete with each other."""
        return 1

    def judge(self, pictures: Pictures, rulers: Rulers) -> Mapping[str, Sequence[float]]:
        """Return more scores of the candidates, by name, in their order: what `select` finds in `rewards`."""
        return {}

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        """Return the positions in the pool of the candidates that are kept, `num` of them if it can be. Of
        several interventions each chooses among what the one before it kept.
        """
        return [position for position, candidate in enumerate(pool) if candidate.kept]

    def told(self, pool: Sequence[Candidate], chosen: Sequence[int]) -> dict[str, Fact]:
        """Return facts for people about a selection."""
        return {}

    def told_of_pool(self, pool: OpenedPool, chosen: Sequence[int], rulers: Rulers) -> dict[str, Fact]:
        """Return facts about a choice from a pool, once the origin of its pictures is open."""
        return {}

    def rewrite(self, draws: Sequence[Draw]) -> list[Draw]:
        """Return the draws with other prompts, negatives or guidance; captions and seeds stay."""
        return list(draws)

    def told_of_prompts(self, before: Sequence[Draw], after: Sequence[Draw]) -> dict[str, Fact]:
        """Return facts for people about what `rewrite` made of draws."""
        return {}

    def noise(self, latents: "Tensor", draws: Sequence[Draw]) -> "Tensor":
        """Return the initial latents [n, c, h, w] of n draws, float32 on the CPU."""
        return latents

    def finish(self, images: np.ndarray, draws: Sequence[Draw]) -> np.ndarray:
        """Return the pictures, uint8 [n, h, w, 3], of n draws as they leave the generator."""
        return images

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        """Change the generator that is about to draw: its weights, its guidance, its steps."""
