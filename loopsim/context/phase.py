"""What a phase is: a body, and all that its result depends on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from loopsim.config import ResolvedConfig
from loopsim.context.context import PhaseContext
from loopsim.context.phase_names import PhaseKey
from loopsim.core.events import Fact
from loopsim.interventions.base import Place
from loopsim.store.row import Row
from loopsim.store.rows import Seal


@final
@dataclass(frozen=True)
class Outputs:
    """What a phase leaves: rows, artifacts by name (the folder's hash), facts for people; commit a seal."""

    rows: Sequence[Row] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    seal: Seal | None = None


@final
@dataclass(frozen=True)
class Phase:
    """One step of a generation.

    `version` changes whenever the body would give another result. `sections` are those of the config that the
    body may read (another raises), `inputs(config, generation)` the phases whose results it reads, `places`
    where interventions act in it: all are in the fingerprint of the finished phase. `for_next`: it makes the
    next generation's data, and schedules count that one. `replicate`: which training of the baseline it
    belongs to (0: the loop's own). `prepares`: interventions that prepare do so in it. `if_acting`: sections
    that it may read, too, where an intervention acts in it.
    """

    name: str
    version: int
    body: Callable[[PhaseContext], Outputs]
    sections: tuple[str, ...]
    inputs: Callable[[ResolvedConfig, int], list[PhaseKey]]
    places: frozenset[Place] = frozenset()
    for_next: bool = False
    replicate: int = 0
    prepares: bool = False
    if_acting: tuple[str, ...] = ()

    def may_read(self, acts: bool) -> tuple[str, ...]:
        """Return the sections that the body may read; `acts`: an intervention acts in it."""
        return self.sections + (self.if_acting if acts else ())

    def serves(self, generation: int) -> int:
        """Return the generation whose data it works on, when it runs in `generation`."""
        return generation + 1 if self.for_next else generation
