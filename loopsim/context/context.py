"""What one attempt at a phase may touch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar, final

from loopsim.config import ResolvedConfig
from loopsim.context.checkpoints import StoreCheckpoints
from loopsim.context.models import Models
from loopsim.context.phase_names import PREPARE, replica
from loopsim.context.session import Session
from loopsim.context.training_set import (
    TrainingSet,
    kept_samples,
    sources_of_dataset,
    sources_of_rows,
    sources_of_samples,
)
from loopsim.core import faults
from loopsim.core.device import Device
from loopsim.core.distributed import World
from loopsim.core.errors import CorruptRun
from loopsim.core.events import Listener, StepTrained
from loopsim.core.interrupt import Interrupt
from loopsim.core.run_folder import ARTIFACTS, SCRATCH
from loopsim.data.corpus import Corpus
from loopsim.interventions.base import Intervention, Place
from loopsim.interventions.registry import Acting
from loopsim.store import artifacts
from loopsim.store.row import Row
from loopsim.store.rows import DatasetRow, PhaseRow, ReleasedRow
from loopsim.store.store import Store

T = TypeVar("T")


@final
@dataclass(frozen=True)
class PhaseContext:
    """What one attempt at a phase may touch. Rank 0 has the store; other ranks reach it through `read`, and
    pictures with `reader`.

    `config` shows the sections that the phase declared; `acting` are the run's interventions as they stand
    for the generation that the phase `serves`. `draws_as_before`: none changes how pictures are drawn for
    that generation, and none did for the one before, so that prompt, seed and model say which picture it is.
    """

    config: ResolvedConfig
    generation: int
    phase: str
    replicate: int
    world: World
    emit: Listener
    interrupt: Interrupt
    directory: Path
    weights: Path
    store: Store | None
    reader: Store
    session: Session
    acting: tuple[Acting, ...]
    serves: int
    draws_as_before: bool
    checkpoint_seconds: float
    keep: str

    @property
    def device(self) -> Device:
        """Where models compute."""
        return self.session.device

    @property
    def corpus(self) -> Corpus:
        """The run's corpus."""
        return self.session.corpus

    @cached_property
    def models(self) -> Models:
        """The models that take part."""
        return Models(self.session, self.config, self.weights, self.find_artifact)

    def acting_at(self, place: Place) -> tuple[Acting, ...]:
        """Return the interventions that act at a place, in the config's order, with what they learned; those
        of strength 0 change nothing there.
        """
        return tuple(
            Acting(one.number, self._learned(one))
            for one in self.acting
            if place in one.intervention.places and one.intervention.acts()
        )

    def interventions(self, place: Place) -> tuple[Intervention, ...]:
        """Return what `acting_at` does, without their places in the config."""
        return tuple(one.intervention for one in self.acting_at(place))

    def _learned(self, one: Acting) -> Intervention:
        if not one.intervention.prepares():
            return one.intervention
        folder = self.find_artifact(self.serves - 1, PREPARE, one.label)
        assert folder is not None, "prepare comes before what stands on it"
        return one.intervention.with_prepared(folder)

    def scratch(self) -> Path:
        """Return a folder for files that nobody misses: it is emptied when the run is opened."""
        folder = self.directory / SCRATCH
        artifacts.require_own(folder)
        folder.mkdir(exist_ok=True)
        return folder

    def read(self, question: Callable[[Store], T]) -> T:
        """Return, on every rank, rank 0's answer of the store."""
        return self.world.broadcast(question(self.store) if self.store is not None else None)

    def write_batch(self, rows: Sequence[Row]) -> None:
        """Store a part of the phase's work, so that it need not be done again; only rank 0 writes.

        A safe point: may raise Interrupted.
        """
        if self.store is not None:
            faults.reach("batch.before")
            self.store.write(rows)
        self.interrupt.check()

    def training_set(self, generation: int | None = None) -> TrainingSet:
        """Return D_g of this generation (or another) as compose stored it."""
        chosen = self.generation if generation is None else generation
        return TrainingSet(
            self.corpus, self.reader, self.read(lambda store: sources_of_dataset(store, chosen))
        )

    def pool(self, rows: Sequence[DatasetRow]) -> TrainingSet:
        """Return the pictures of rows that are not stored as a D_g yet."""
        return TrainingSet(self.corpus, self.reader, self.read(lambda store: sources_of_rows(store, rows)))

    def samples(self, generation: int, indices: Sequence[int] | None = None) -> TrainingSet | None:
        """Return S_g's kept samples, or the given candidates, with their captions; None if there are none."""

        def question(store: Store) -> Sequence[int]:
            return kept_samples(store, generation) if indices is None else list(indices)

        sources = self.read(lambda store: sources_of_samples(store, generation, question(store)))
        return TrainingSet(self.corpus, self.reader, sources) if len(sources.slot) else None

    def find_artifact(self, generation: int, phase: str, part: str, replicate: int = 0) -> Path | None:
        """Return the folder of an artifact that a finished phase left, or None if it left none of that name.

        Raises CorruptRun if it is missing, damaged, or was let go.
        """
        name = replica(phase, replicate)
        row = self.read(lambda store: store.get(PhaseRow, generation, name))
        artifact = None if row is None else row.artifacts.get(part)
        if row is None or artifact is None:
            return None
        if self.reader.get(ReleasedRow, generation, name) is not None:
            raise CorruptRun(
                f"the weights of {name} of generation {generation} were let go (keep = {self.keep!r}); "
                "start again to "
                "have them"
            )

        def checked() -> Path:
            folder = self.directory / ARTIFACTS
            problem = artifacts.damage(folder, artifact, row.files.get(part))
            if problem is not None:
                raise CorruptRun(
                    f"generation {generation}, {name}, {part}: {problem}; `loopsim repair "
                    f"{self.directory.name}` drops "
                    "back to what is sound"
                )
            return folder / artifact

        return self.session.remember(("sound", artifact), checked)

    def keep_artifact(self, write: Callable[[Path], None]) -> str:
        """Return the name of the artifact that `write` fills; rank 0 writes it."""
        return self.world.broadcast(
            artifacts.put(self.directory / ARTIFACTS, write) if self.store is not None else None
        )

    def checkpoints(self, num_steps: int, part: str = "") -> StoreCheckpoints:
        """Return where a training of this phase keeps its state; one of several has a `part`, and keeps it
        until the phase is finished.
        """
        return StoreCheckpoints(
            generation=self.generation,
            phase=f"{self.phase}/{part}" if part else self.phase,
            last=num_steps if part else None,
            store=self.store,
            folder=self.directory / ARTIFACTS,
            every=self.checkpoint_seconds,
            world=self.world,
            interrupt=self.interrupt,
            advanced=lambda done, loss: self.emit(
                StepTrained(self.generation, self.phase, done, num_steps, loss, part)
            ),
        )
