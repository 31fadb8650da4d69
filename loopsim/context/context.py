"""What one attempt at a phase may touch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, final

from loopsim.config import Config
from loopsim.context.checkpoints import StoreCheckpoints
from loopsim.context.phase import Progress
from loopsim.core import faults
from loopsim.core.device import Device, choose_device
from loopsim.core.distributed import World
from loopsim.core.errors import CorruptRun
from loopsim.core.interrupt import Interrupt
from loopsim.store import artifacts
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Row, Store

T = TypeVar("T")
STATE, ARTIFACTS, SCRATCH = "state.lmdb", "artifacts", "scratch"
_sound: set[Path] = set()  # artifacts whose content this process has already compared with their names


@final
@dataclass(frozen=True)
class PhaseContext:
    """What one attempt at a phase may touch. Rank 0 has the store; other ranks reach it through `read`, and
    pictures with `reader`.
    """

    config: Config
    generation: int
    phase: str
    replicate: int
    world: World
    progress: Progress
    interrupt: Interrupt
    directory: Path
    weights: Path
    store: Store | None
    reader: Store

    @property
    def device(self) -> Device:
        """Where models compute."""
        return choose_device(self.config.device, self.world.local_rank)

    def scratch(self) -> Path:
        """Return a folder for files that nobody misses: it is emptied when the run is opened."""
        folder = self.directory / SCRATCH
        folder.mkdir(exist_ok=True)
        return folder

    def read(self, question: Callable[[Store], T]) -> T:
        """Return, on every rank, rank 0's answer of the store."""
        return self.world.broadcast(question(self.store) if self.store is not None else None)

    def write_batch(self, rows: list[Row]) -> None:
        """Store a part of the phase's work, so that it need not be done again; only rank 0 writes. A safe
        point: may raise Interrupted.
        """
        if self.store is not None:
            faults.reach("batch.before")
            self.store.write(rows)
        self.interrupt.check()

    def artifact(self, generation: int, phase: str, name: str) -> Path:
        """Return the folder of an artifact that a finished phase left."""
        found = self.find_artifact(generation, phase, name)
        assert found is not None, f"{phase} of generation {generation} is read before it is finished"
        return found

    def find_artifact(self, generation: int, phase: str, name: str) -> Path | None:
        """Return the folder of an artifact, or None if the phase left none of that name. Raises CorruptRun if
        it is missing or damaged.
        """
        found = self.read(lambda store: phase_row(store, generation, phase))
        named = None if found is None else found.fields["artifacts"].get(name)
        if found is None or named is None:
            return None
        if self.reader.get(key(Table.RELEASED, generation, phase)) is not None:
            raise CorruptRun(
                f"the weights of {phase} of generation {generation} were let go (keep = "
                f"{self.config.keep!r}); start again to have them"
            )
        folder = self.directory / ARTIFACTS / named
        if folder not in _sound:
            problem = artifacts.damage(
                self.directory / ARTIFACTS, named, found.fields.get("files", {}).get(name)
            )
            if problem is not None:
                run = self.directory.name
                raise CorruptRun(
                    f"generation {generation}, {phase}, {name}: {problem}; `loopsim repair {run}` drops "
                    "back to what is sound"
                )
            _sound.add(folder)
        return folder

    def keep(self, write: Callable[[Path], None]) -> str:
        """Return the name of the artifact that `write` fills; rank 0 writes it."""
        return self.world.broadcast(
            artifacts.put(self.directory / ARTIFACTS, write) if self.store is not None else None
        )

    def checkpoints(self, num_steps: int) -> StoreCheckpoints:
        """Return where this phase's training keeps its state."""
        return StoreCheckpoints(
            row=key(Table.CHECKPOINT, self.generation, self.phase),
            store=self.store,
            folder=self.directory / ARTIFACTS,
            every=self.config.checkpoint_seconds,
            broadcast=self.world.broadcast,
            interrupt=self.interrupt,
            advanced=lambda done, loss: self.progress.advanced(done, num_steps, f"loss {loss:.3f}"),
        )


def phase_row(store: Store, generation: int, phase: str) -> Record | None:
    return store.get(key(Table.PHASE, generation, phase))
