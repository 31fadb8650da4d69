"""What a run's store knows of the trackers that follow it: rows outside the digest."""

from dataclasses import dataclass
from typing import Annotated, Any, final

from pydantic import Field

from loopsim.store.keys import Table
from loopsim.store.row import Row


@final
@dataclass(frozen=True)
class TrackersRow(Row):
    """Which trackers follow the run (the config's section), and the name by which they know it again."""

    TABLE = Table.TRACKERS
    KEY = ()
    tree: dict[str, Any]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


@final
@dataclass(frozen=True)
class TrackedRow(Row):
    """What a tracker was told of a phase: the steps of its training up to `step`, drawn from `offset` on, and
    whether its results.

    It is written before they are sent: a kill in between loses them, and nothing is ever told twice.
    """

    TABLE = Table.TRACKED
    KEY = ("tracker", "generation", "phase")
    tracker: str
    generation: int
    phase: str
    offset: int = 0
    step: int = 0
    results: bool = False


TRACKING_ROWS: tuple[type[Row], ...] = (TrackersRow, TrackedRow)
