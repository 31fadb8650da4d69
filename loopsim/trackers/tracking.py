"""Trackers that follow a loop: a listener that tells each of them every step and every result once.

The store knows what a tracker was told; it is noted before it is sent. So a loop that is killed and resumed
goes on in the same tracker run with no step twice; what was on its way in that instant, two seconds of a
training or one phase's results, may be lost to the tracker, never to the run.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

from loopsim.core.errors import CorruptRun
from loopsim.core.events import Event, Listener, PhaseEnded, StepTrained, TrackerLost, TrackerOpened, to_all
from loopsim.core.run_folder import TRACKERS
from loopsim.core.text import printable
from loopsim.runs.run import ActiveRun
from loopsim.store.rows import PhaseRow
from loopsim.store.store import Store
from loopsim.store.tracking_rows import TrackedRow, TrackersRow
from loopsim.trackers.entries import Entry, results_of, training_entry
from loopsim.trackers.sinks import SINKS, Followed, Sink

_SECONDS: Final = 2.0  # between two batches of a training


@contextmanager
def followed(run: ActiveRun) -> Iterator[None]:
    """Have the run's trackers follow what is done with it. Only rank 0 tells them.

    A tracker that fails is told no more, and a TrackerLost says so: the loop goes on. Raises CorruptRun if
    the folder of what trackers keep leads out of the run.
    """
    store = run.store
    row = store.get(TrackersRow) if store is not None else None
    if store is None or row is None or not run.config.trackers.use:
        yield
        return
    folder = run.directory / TRACKERS
    _require_inside(folder)
    told = Followed(
        printable(run.directory.name), row.id, folder, run.config.trackers.project,
        dict(_flat(run.config.model_dump(mode="json", exclude={"trackers"}))),
    )  # fmt: skip
    followers = [
        Follower(name, told, store, run.config.trackers.every, run.emit) for name in run.config.trackers.use
    ]
    before, run.emit = run.emit, to_all(run.emit, *followers)
    finished = False
    try:
        for one in followers:
            one.catch_up()
        yield
        finished = True
    finally:
        run.emit = before
        for one in followers:
            one.close(finished=finished)


@final
class Follower:
    """One tracker as a listener."""

    def __init__(self, name: str, run: Followed, store: Store, every: int, emit: Listener) -> None:
        self._name, self._store, self._every, self._emit = name, store, every, emit
        self._sink: Sink | None = None
        self._marks: dict[tuple[int, str], TrackedRow] = {
            (row.generation, row.phase): row for row in store.scan(TrackedRow, name)
        }
        self._waiting: list[Entry] = []
        self._changed: dict[tuple[int, str], TrackedRow] = {}
        self._sent = time.monotonic()
        try:
            self._sink = SINKS[name](run)
        except Exception as error:
            self._lose(error)
        else:
            emit(TrackerOpened(name, self._sink.look))

    def __call__(self, event: Event) -> None:
        """Note a step of a training; tell what a phase found when it ends."""
        match event:
            case StepTrained():
                self._trained(event)
            case PhaseEnded(generation, phase):
                self._send()
                row = self._store.get(PhaseRow, generation, phase)
                if row is not None:
                    self._tell_results(row)

    def catch_up(self) -> None:
        """Tell what was found before anybody followed, or in the instant of a kill."""
        if self._sink is not None:
            for row in self._store.scan(PhaseRow):
                self._tell_results(row)

    def close(self, *, finished: bool) -> None:
        """Send what waits, and let the tracker go."""
        self._send()
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close(finished=finished)
            except Exception as error:
                self._lose(error)

    def _trained(self, event: StepTrained) -> None:
        if event.step % self._every and event.step != event.num_steps:
            return
        place = (event.generation, f"{event.phase}/{event.part}" if event.part else event.phase)
        mark = self._marks.get(place) or TrackedRow(self._name, *place, offset=self._steps_before(*place))
        if event.step <= mark.step:
            return  # trained again, since its last checkpoint
        mark = TrackedRow(self._name, *place, mark.offset, event.step, mark.results)
        self._marks[place] = self._changed[place] = mark
        self._waiting.append(training_entry(place[1], mark.offset + event.step, event.loss))
        if time.monotonic() - self._sent > _SECONDS:
            self._send()

    def _steps_before(self, generation: int, phase: str) -> int:
        """Return where the curve of a training has come to in the generations before."""
        earlier = [
            row.offset + row.step
            for (g, name), row in self._marks.items()
            if name == phase and g < generation
        ]
        return max(earlier, default=0)

    def _tell_results(self, row: PhaseRow) -> None:
        place = (row.generation, row.phase)
        mark = self._marks.get(place) or TrackedRow(self._name, *place)
        if mark.results or self._sink is None:
            return
        mark = TrackedRow(self._name, *place, mark.offset, mark.step, results=True)
        self._marks[place] = self._changed[place] = mark
        self._waiting += results_of(self._store, row)
        self._send()

    def _send(self) -> None:
        """Note what waits as told, then tell it."""
        self._sent = time.monotonic()
        waiting, self._waiting = self._waiting, []
        changed, self._changed = list(self._changed.values()), {}
        if self._sink is None or not changed:
            return
        self._store.write(changed)
        if not waiting:
            return
        try:
            self._sink.send(waiting)
        except Exception as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        self._sink = None
        self._emit(TrackerLost(self._name, f"{type(error).__name__}: {error}".split("\n")[0][:300]))


def _require_inside(folder: Path) -> None:
    """Raise CorruptRun if the folder, or a tracker's place in it, is a link: trackers would write where it
    leads.
    """
    for path in (folder, *(folder.iterdir() if folder.is_dir() else ())):
        if path.is_symlink():
            raise CorruptRun(
                f"{path} is a link: trackers would write where it leads; delete it, or go on without "
                "trackers (`loopsim resume --set 'trackers.use=[]'`)"
            )


def _flat(tree: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Yield a config's values by their dotted keys."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        elif value is not None:
            yield f"{above}{key}", value if isinstance(value, (int, float, str, bool)) else str(value)
