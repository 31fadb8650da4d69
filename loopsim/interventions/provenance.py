"""Provenance: what says of itself that it is synthetic is left out of D_g (signed metadata, as C2PA's).

Every picture of the loop is signed when it is drawn, by a share of its sources, and loses its metadata on its
way with another share: would marking have kept synthetic pictures out? Real pictures are never dropped, so
whom it costs shows in whose pictures are left.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np

from loopsim.config import Config
from loopsim.config.base import Share
from loopsim.core.events import Fact
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Intervention, OpenedPool, Place
from loopsim.interventions.pool_facts import told_of_filter
from loopsim.interventions.target import UNIFORM, require_known
from loopsim.interventions.workshop import Pool, Rulers


@final
class Provenance(Intervention):
    """Leaves out of D_g's pool what still carries signed metadata of a generator.

    `signed` is the share of the generated pictures whose source signs at all, `stripped` the share of those
    that lose the metadata before they are collected (scaling, screenshots, most platforms). Both are a
    function of the picture alone: one that passed passes in every later generation. Groups are those of
    `attributes` and the intersections of each two, as the pinned classifier sees them.
    """

    name: ClassVar = "provenance"
    places: ClassVar = frozenset({Place.POOL})

    signed: Share = 1.0
    stripped: Share = 0.0
    attributes: tuple[str, ...] = ("gender", "skin_tone")

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        require_known(self.attributes, UNIFORM, labels)

    def acts(self) -> bool:
        return self.signed > 0 and self.stripped < 1

    def carries(self, signature: int | None) -> bool:
        """Return whether a picture that was drawn with this signature, None for a real one, still has it."""
        if signature is None:
            return False
        signs, loses = numpy_generator(signature, self.name).random(2) < (self.signed, self.stripped)
        return bool(signs and not loses)

    def choose(self, pool: Pool, rng: np.random.Generator, rulers: Rulers) -> list[int]:
        return [position for position in range(len(pool)) if not self.carries(pool.signature(position))]

    def told_of_pool(self, pool: OpenedPool, chosen: Sequence[int], rulers: Rulers) -> dict[str, Fact]:
        return told_of_filter(pool, chosen, rulers.labels(pool.pictures), self.attributes)
