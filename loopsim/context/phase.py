"""What passes between the loop and its phases."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from loopsim.config import Config

PhaseKey = tuple[int, str]  # generation, phase name

# The phases of a generation, in order; the last generation makes no data for a next one.
PHASE_NAMES = ("compose", "train_clip", "train_captioner", "evaluate", "finetune", "generate", "commit")
MAKES_NEXT = ("finetune", "generate")
# What a replicate of the baseline repeats, with another seed: all that is trained on D_0, and its evaluation.
REPLICATED = ("train_clip", "train_captioner", "finetune", "evaluate")


def replica(phase: str, replicate: int) -> str:
    """Return the name of a phase in a replicate of the baseline; the first, 0, is the loop's own."""
    return f"{phase}#{replicate}" if replicate else phase


def phase_names(generation: int, generations: int, num_replicates: int) -> list[str]:
    """Return the phases that a generation of a run consists of, in order.

    Replicates belong to generation 0, and only if another generation follows to be compared with it.
    """
    if generation == generations:
        return [name for name in PHASE_NAMES if name not in MAKES_NEXT]
    copies = (
        [replica(name, r) for r in range(1, num_replicates) for name in REPLICATED] if generation == 0 else []
    )
    return [*PHASE_NAMES[:-1], *copies, PHASE_NAMES[-1]]


@final
@dataclass(frozen=True)
class Phase:
    """One step of a generation.

    `version` changes whenever the body would give another result. `settings(config, generation)` is all of
    the config that the body uses, `inputs(config, generation)` the phases whose results it reads: both are in
    the fingerprint of the finished phase. `replicate`: which training of the baseline it belongs to (0: the
    loop's own).
    """

    name: str
    version: int
    body: "Callable[[Any], Outputs]"
    settings: Callable[[Config, int], Any]
    inputs: Callable[[Config, int], list[PhaseKey]]
    replicate: int = 0


@final
@dataclass(frozen=True)
class Outputs:
    """What a phase leaves: rows (raw key, record), artifacts by name (hash of the folder), and facts for its
    record and for people.
    """

    rows: list[tuple[bytes, Any]] = field(default_factory=list)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Progress(ABC):
    """Hears what the loop does. Implementations only show it."""

    @abstractmethod
    def phase_started(self, generation: int, phase: str) -> None:
        """A phase's attempt begins."""

    @abstractmethod
    def advanced(self, done: int, total: int, note: str = "") -> None:
        """The phase under way has done `done` of `total` units of work."""

    @abstractmethod
    def phase_finished(self, generation: int, phase: str, facts: Mapping[str, Any], seconds: float) -> None:
        """The phase's row is durable."""


@final
class Silent(Progress):
    """Shows nothing."""

    def phase_started(self, generation: int, phase: str) -> None:
        pass

    def advanced(self, done: int, total: int, note: str = "") -> None:
        pass

    def phase_finished(self, generation: int, phase: str, facts: Mapping[str, Any], seconds: float) -> None:
        pass
