"""Checkpoints of an unfinished training: a safetensors artifact, and the row that names the newest complete
one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from safetensors.torch import load_file, save_file

from loopsim.core import faults
from loopsim.core.errors import CorruptRun
from loopsim.core.interrupt import Interrupt
from loopsim.models.training import Checkpointing, State
from loopsim.store import artifacts
from loopsim.store.store import Record, Store

_FILE = "state.safetensors"


@final
@dataclass
class StoreCheckpoints(Checkpointing):
    """Saves every `every` seconds, and whenever the loop is asked to stop. The replaced checkpoint is deleted
    after its successor's row.
    """

    row: bytes
    store: Store | None
    folder: Path
    every: float
    broadcast: Callable[[Any], Any]
    interrupt: Interrupt
    advanced: Callable[[int, float], None]
    _saved_at: float = field(default_factory=time.monotonic)

    def load(self) -> tuple[int, State] | None:
        found = self.store.get(self.row) if self.store is not None else None
        fields = self.broadcast(found.fields if found else None)
        if fields is None:
            return None
        problem = artifacts.damage(self.folder, fields["artifact"])
        if problem is not None:
            raise CorruptRun(
                f"the training's checkpoint: {problem}; `loopsim repair {self.folder.parent.name}` drops "
                "it, and the phase begins again"
            )
        return fields["finished"], load_file(artifacts.locate(self.folder, fields["artifact"]) / _FILE)

    def after_step(self, num_finished: int, state: Callable[[], State], loss: float) -> None:
        self.advanced(num_finished, loss)
        faults.reach("train.step")
        if self.store is not None and (
            time.monotonic() - self._saved_at >= self.every or self.interrupt.requested
        ):
            self._save(self.store, num_finished, state())
            self._saved_at = time.monotonic()
        self.interrupt.check()

    def _save(self, store: Store, num_finished: int, state: State) -> None:
        def write(folder: Path) -> None:
            folder.mkdir()
            save_file(state, folder / _FILE)

        previous = store.get(self.row)
        name = artifacts.put(self.folder, write)
        faults.reach("checkpoint.before")
        store.write([(self.row, Record({"finished": num_finished, "artifact": name}))])
        faults.reach("checkpoint.after")
        if previous is not None and previous.fields["artifact"] != name:
            artifacts.remove(self.folder, previous.fields["artifact"])
