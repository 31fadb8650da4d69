"""What a policy is, and what it chooses from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from loopsim.config import ComposeConfig
from loopsim.core.choices import Choices
from loopsim.core.rng import numpy_generator


@final
@dataclass(frozen=True)
class Source:
    """One picture of D_g: `made_for` 0 is the real one of `slot` in draw `index`, else candidate `index` of
    S_made_for.
    """

    made_for: int
    index: int
    slot: int | None = None


def slot_draws(num_slots: int, seed: int) -> np.ndarray:
    """Return u [num_slots], one uniform draw a slot for the whole run: it does not depend on α, so replaced
    sets are nested as α grows.
    """
    return numpy_generator(seed, "compose", "slots").random(num_slots)


def slot_order(num_slots: int, seed: int) -> list[int]:
    """Return the slots in the order in which they are replaced by generated images."""
    order: list[int] = np.argsort(slot_draws(num_slots, seed), kind="stable").tolist()
    return order


def num_replaced(config: ComposeConfig, num_slots: int, generation: int, seed: int) -> int:
    """Return how many slots hold a generated image in D_g where a policy has an α: an exact share, or a draw
    a slot.
    """
    alpha = config.alpha_at(generation)
    if config.draw == "exact":
        return round(alpha * num_slots)
    return int((slot_draws(num_slots, seed) < alpha).sum())


@final
@dataclass(frozen=True)
class Slots:
    """The caption slots of generation `generation`; `num_replaced` of them are replaced where a policy has an
    α.
    """

    num: int
    num_replaced: int
    generation: int
    seed: int

    def real(self, draw: int = 0) -> list[Source]:
        """Return the real picture of every slot, in the order in which generated ones replace them."""
        return [Source(0, draw, slot) for slot in slot_order(self.num, self.seed)]


def slots_of(config: ComposeConfig, num_slots: int, generation: int, seed: int) -> Slots:
    """Return the slots of a generation."""
    replaced = num_replaced(config, num_slots, max(generation, 1), seed)
    return Slots(num_slots, replaced, generation, seed)


class Policy(ABC):
    """How D_g is made, for g >= 1; D_0 is all real. `uses_alpha`: a share of generated pictures is
    asked for.
    """

    name: ClassVar[str]
    uses_alpha: ClassVar[bool] = False

    def real_draw(self, generation: int) -> int:
        """Return which draw of the corpus the real pictures of a generation come from; 0 is the first
        data.
        """
        return 0

    def first_used(self, generation: int) -> int:
        """Return the first k whose S_k is read for D_g: a generation's time must not grow with those before
        it.
        """
        return max(1, generation)

    def num_needed(self, slots: Slots) -> int:
        """Return how many kept samples S_g must have for D_g."""
        return slots.num

    def dataset_size(self, num_slots: int, generation: int) -> int:
        """Return |D_g|."""
        return num_slots

    @abstractmethod
    def select(self, slots: Slots, kept: Mapping[int, Sequence[int]]) -> list[Source]:
        """Return D_g, position by position; `kept[k]` lists S_k's kept candidates, from `first_used` to g."""


def samples_of(generation: int, kept: Mapping[int, Sequence[int]]) -> list[Source]:
    """Return S_k's kept samples, k = `generation`."""
    return [Source(generation, index) for index in kept[generation]]


POLICIES: Choices[Policy] = Choices("compose.policy", Policy, "loopsim.phases.policies")
