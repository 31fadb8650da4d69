"""Checkpoints of an unfinished training: a safetensors artifact, and the row that names the newest complete
one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from safetensors.torch import load_file, save_file

from loopsim.core import faults
from loopsim.core.distributed import World
from loopsim.core.errors import CorruptRun
from loopsim.core.interrupt import Interrupt
from loopsim.models.training import Checkpointing, State
from loopsim.store import artifacts
from loopsim.store.rows import CheckpointRow
from loopsim.store.store import Store

_FILE = "state.safetensors"


def checkpoints_of(store: Store, generation: int, phase: str) -> list[CheckpointRow]:
    """Return the newest checkpoint of each training of a phase."""
    return [row for row in store.scan(CheckpointRow, generation) if row.phase.partition("/")[0] == phase]


@final
@dataclass
class StoreCheckpoints(Checkpointing):
    """Saves every `every` seconds, and whenever the loop is asked to stop; after step `last` in any case, so
    that a training is not repeated while its phase goes on.

    The replaced checkpoint is deleted after its successor's row. Only rank 0 has the store.
    """

    generation: int
    phase: str
    last: int | None
    store: Store | None
    folder: Path
    every: float
    world: World
    interrupt: Interrupt
    advanced: Callable[[int, float], None]
    _saved_at: float = field(default_factory=time.monotonic)

    def _row(self, store: Store) -> CheckpointRow | None:
        return store.get(CheckpointRow, self.generation, self.phase)

    def load(self) -> tuple[int, State] | None:
        row = self.world.broadcast(self._row(self.store) if self.store is not None else None)
        if row is None:
            return None
        problem = artifacts.damage(self.folder, row.artifact)
        if problem is not None:
            raise CorruptRun(
                f"the training's checkpoint: {problem}; `loopsim repair {self.folder.parent.name}` drops "
                "it, and "
                "the phase begins again"
            )
        return row.finished, load_file(artifacts.locate(self.folder, row.artifact) / _FILE)

    def after_step(self, num_finished: int, state: Callable[[], State], loss: float) -> None:
        self.advanced(num_finished, loss)
        faults.reach("train.step")
        due = time.monotonic() - self._saved_at >= self.every or self.interrupt.requested
        if self.store is not None and (due or num_finished == self.last):
            self._save(self.store, num_finished, state())
            self._saved_at = time.monotonic()
        self.interrupt.check()

    def _save(self, store: Store, num_finished: int, state: State) -> None:
        def write(folder: Path) -> None:
            folder.mkdir()
            save_file(state, folder / _FILE)

        previous = self._row(store)
        name = artifacts.put(self.folder, write)
        faults.reach("checkpoint.before")
        store.write([CheckpointRow(self.generation, self.phase, num_finished, name)])
        faults.reach("checkpoint.after")
        if previous is not None and previous.artifact != name:
            artifacts.remove(self.folder, previous.artifact)
