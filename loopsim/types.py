"""What passes between the loop and its phases."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from loopsim.config import Config

PhaseKey = tuple[int, str]  # generation, phase name


@final
@dataclass(frozen=True)
class Phase:
    """One step of a generation.

    `version` changes whenever the body would give another result. `settings(config, generation)` is all of the config that the body uses,
    `inputs(config, generation)` the phases whose results it reads: both are in the fingerprint of the finished phase. `makes_next`: needed only
    if another generation follows.
    """

    name: str
    version: int
    body: "Callable[[Any], Outputs]"
    settings: Callable[[Config, int], Any]
    inputs: Callable[[Config, int], list[PhaseKey]]
    makes_next: bool = False


@final
@dataclass(frozen=True)
class Outputs:
    """What a phase leaves: rows (raw key, record), artifacts by name (hash of the folder), and facts for its record and for people."""

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
