"""What happens in a loop, as values: numbers travel as numbers, and text is made where it is drawn."""

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, final

Fact = int | float | str | None
PhaseOutcome = Literal["finished", "interrupted", "failed"]


class Event(ABC):  # noqa: B024 - what they share is that they are events
    """Base of everything that is told."""


@final
@dataclass(frozen=True)
class CorpusRead(Event):
    """A corpus is read through for the first time: `done` rows of a split so far."""

    split: str
    done: int


@final
@dataclass(frozen=True)
class RunOpened(Event):
    """A run is open: how many phases it has in all, how many of them are finished already, and what here is
    not as it was at the last attempt and may change bits.
    """

    run: str
    generations: int
    num_phases: int
    num_finished: int
    changes: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class PhaseStarted(Event):
    """An attempt at a phase begins."""

    generation: int
    phase: str


@final
@dataclass(frozen=True)
class StepTrained(Event):
    """A training has finished `step` of `num_steps` steps; `loss` is that step's. A phase that trains several
    models names the `part`.
    """

    generation: int
    phase: str
    step: int
    num_steps: int
    loss: float
    part: str = ""


@final
@dataclass(frozen=True)
class ImagesDrawn(Event):
    """A generator has drawn `done` of `total` pictures."""

    generation: int
    phase: str
    done: int
    total: int


@final
@dataclass(frozen=True)
class MetricMeasured(Event):
    """One metric of a generation, over all its items: value and 95 % interval, None where there is none."""

    generation: int
    phase: str
    metric: str
    value: float | None
    low: float | None
    high: float | None


@final
@dataclass(frozen=True)
class PhaseEnded(Event):
    """An attempt at a phase is over: finished (its row is durable), interrupted by a signal, or failed."""

    generation: int
    phase: str
    outcome: PhaseOutcome
    facts: Mapping[str, Fact]
    seconds: float
    error: str | None = None


@final
@dataclass(frozen=True)
class TrackerOpened(Event):
    """A tracker follows the loop; `look` is how to look at what it keeps."""

    tracker: str
    look: str


@final
@dataclass(frozen=True)
class TrackerLost(Event):
    """A tracker failed, and follows this attempt no further; the loop goes on."""

    tracker: str
    reason: str


Listener = Callable[[Event], None]


def unheard(_: Event) -> None:
    """Listen to nothing."""


def to_all(*listeners: Listener) -> Listener:
    """Return a listener that hands every event on to each of `listeners`."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
