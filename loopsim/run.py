"""A run: its directory, its config, what of it is finished, and the only road to "finished"."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, final

from loopsim import faults
from loopsim.checkpoints import StoreCheckpoints
from loopsim.config import SHIPPED, Config, config_from_tree
from loopsim.data.manifest import Manifest
from loopsim.device import Device, choose_device
from loopsim.distributed import World
from loopsim.environment import environment
from loopsim.errors import CorruptRun, DataError, DiskFull, RunExists, RunMismatch
from loopsim.hashing import hash_folder
from loopsim.interrupt import Interrupt
from loopsim.lock import RunLock
from loopsim.settle import settle
from loopsim.store import artifacts
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Row, Store
from loopsim.types import Outputs, Phase, PhaseKey, Progress, phase_names

T = TypeVar("T")
PhasesOf = Callable[[Config], tuple[Phase, ...]]
STATE, ARTIFACTS, SCRATCH = "state.lmdb", "artifacts", "scratch"
SHIPPED_WEIGHTS = Path(__file__).parent / "assets"


def weights_folder(config: Config) -> Path:
    """Return the folder of the parts that a config calls "shipped". Raises DataError if it is not there."""
    folder = Path(config.base_weights) if config.base_weights else SHIPPED_WEIGHTS
    if SHIPPED in named_parts(config).values() and not (folder / "generator").is_dir():
        raise DataError(f"{folder}: no base weights there; make them with `loopsim pretrain --out {folder}`")
    return folder


def named_parts(config: Config) -> dict[str, str]:
    """Return every model that a config names: a folder, a file, a hub id, a library's name for it, or "shipped"."""
    classifier = {f"classifier.{name}": checkpoint for name, checkpoint in config.classifier.checkpoints.items()}
    named = {
        "generator": config.generator.checkpoint,
        "clip": config.clip.model,
        "clip weights": config.clip.pretrained,
        "captioner": config.captioner.model,
        "classifier": SHIPPED if config.classifier.kind == SHIPPED else None,
        "encoder": config.encoder.model,
        "encoder weights": config.encoder.pretrained,
        "detector": config.classifier.detector,
    }
    return {name: part for name, part in (named | classifier).items() if part is not None}


def fingerprint_of_parts(config: Config, weights: Path) -> str:
    """Return one hash of all base models: of the content of files and folders, and of the names of what a hub or a library holds."""
    found = {}
    for name, part in named_parts(config).items():
        path = weights if part == SHIPPED else Path(part.removeprefix("local-dir:"))
        found[name] = hash_folder(path) if path.exists() else part
    return hashlib.blake2b(json.dumps(found, sort_keys=True).encode(), digest_size=16).hexdigest()


@final
@dataclass(frozen=True)
class PhaseContext:
    """What one attempt at a phase may touch. Rank 0 has the store; other ranks reach it through `read`, and pictures with `reader`."""

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
        """Store a part of the phase's work, so that it need not be done again; only rank 0 writes. A safe point: may raise Interrupted."""
        if self.store is not None:
            faults.reach("batch.before")
            self.store.write(rows)
        self.interrupt.check()

    def artifact(self, generation: int, phase: str, name: str) -> Path:
        """Return the folder of an artifact that a finished phase left."""
        found = self.read(lambda store: _phase_row(store, generation, phase))
        assert found is not None, f"{phase} of generation {generation} is read before it is finished"
        return artifacts.locate(self.directory / ARTIFACTS, found.fields["artifacts"][name])

    def find_artifact(self, generation: int, phase: str, name: str) -> Path | None:
        """Return the folder of an artifact, or None if the phase left none of that name."""
        found = self.read(lambda store: _phase_row(store, generation, phase))
        named = None if found is None else found.fields["artifacts"].get(name)
        return None if named is None else artifacts.locate(self.directory / ARTIFACTS, named)

    def keep(self, write: Callable[[Path], None]) -> str:
        """Return the name of the artifact that `write` fills; rank 0 writes it."""
        return self.world.broadcast(artifacts.put(self.directory / ARTIFACTS, write) if self.store is not None else None)

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


def _manifest_hash(config: Config) -> str | None:
    """Return the hash of the corpus's frozen manifest, or None for the pocket world."""
    if config.data.manifest is None or config.data.corpus != "files":
        return None
    manifest = Manifest(Path(config.data.manifest))
    try:
        return manifest.hash
    finally:
        manifest.close()


def _phase_row(store: Store, generation: int, phase: str) -> Record | None:
    return store.get(key(Table.PHASE, generation, phase))


@final
@dataclass
class Run:
    """An open run. `store` is None on every rank but 0."""

    directory: Path
    config: Config
    world: World
    phases: Mapping[str, Phase]
    progress: Progress
    interrupt: Interrupt
    store: Store | None
    lock: RunLock | None
    weights: Path
    reader: Store
    _fingerprints: dict[PhaseKey, str] = field(default_factory=dict)

    @classmethod
    def create(cls, directory: Path, config: Config, *, world: World, phases: PhasesOf, progress: Progress, interrupt: Interrupt) -> Self:
        """Start a new run of a config, settled first. Raises RunExists if the directory is taken; nothing of it is changed then."""
        weights = weights_folder(config)
        store, lock = None, None
        if world.is_main:
            if directory.exists() and any(directory.iterdir()):
                state = directory / STATE
                hint = f"go on with `loopsim resume {directory.name}`, or choose" if state.exists() else "choose"
                raise RunExists(f"{directory} exists already; {hint} another --name")
            config = settle(config, directory.parent)
            directory.mkdir(parents=True, exist_ok=True)
            lock = RunLock(directory)
            store = Store(directory / STATE, create=True)
            store.write([
                (key(Table.META, "config"), Record(config.model_dump(mode="json"))),
                (key(Table.META, "weights"), Record({"hash": fingerprint_of_parts(config, weights)})),
                *([(key(Table.META, "manifest"), Record({"hash": manifest}))] if (manifest := _manifest_hash(config)) else []),
            ])  # fmt: skip
        config = world.broadcast(config)
        return cls._opened(directory, config, world, phases, progress, interrupt, store, lock, weights)

    @classmethod
    def _opened(
        cls,
        directory: Path,
        config: Config,
        world: World,
        phases: PhasesOf,
        progress: Progress,
        interrupt: Interrupt,
        store: Store | None,
        lock: RunLock | None,
        weights: Path,
    ) -> Self:
        reader = store if store is not None else Store(directory / STATE, readonly=True)
        return cls(directory, config, world, {phase.name: phase for phase in phases(config)}, progress, interrupt, store, lock, weights, reader)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        world: World,
        phases: PhasesOf,
        progress: Progress,
        interrupt: Interrupt,
        generations: int | None = None,
    ) -> Self:
        """Open a run to go on with it, to more `generations` if given. The config comes from the run alone."""
        store, lock, config = None, None, None
        if world.is_main:
            Store(directory / STATE, readonly=True).close()  # a missing or foreign run is refused before a lock file is made in it
            lock = RunLock(directory)
            store = Store(directory / STATE)
            config = stored_config(store, directory)
            if generations is not None and generations != config.generations:
                if generations < config.generations:
                    raise RunMismatch(f"run {directory.name} has {config.generations} generations already; it can only be extended")
                config = config.model_copy(update={"generations": generations})
                store.write([(key(Table.META, "config"), Record(config.model_dump(mode="json")))])
        config = world.broadcast(config)
        weights = weights_folder(config)
        if store is not None:
            recorded = store.get(key(Table.META, "weights"))
            if recorded is None or recorded.fields["hash"] != fingerprint_of_parts(config, weights):
                names = ", ".join(sorted({str(weights) if part == SHIPPED else part for part in named_parts(config).values()}))
                raise RunMismatch(f"the base weights ({names}) are not those that run {directory.name} began with; restore them to resume")
            frozen = store.get(key(Table.META, "manifest"))
            if frozen is not None and frozen.fields["hash"] != _manifest_hash(config):
                raise RunMismatch(f"the manifest {config.data.manifest} is not the one that run {directory.name} began with; restore it to resume")
            shutil.rmtree(directory / SCRATCH, ignore_errors=True)
        return cls._opened(directory, config, world, phases, progress, interrupt, store, lock, weights)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        shutil.rmtree(self.directory / SCRATCH, ignore_errors=True)
        if self.lock is not None:
            self.lock.release()

    def pending(self) -> Iterator[int]:
        """Yield every generation in order; which of its phases are finished is asked phase by phase."""
        yield from range(self.config.generations + 1)

    def planned(self, generation: int) -> list[Phase]:
        """Return a generation's phases in order."""
        return [self.phases[name] for name in phase_names(generation, self.config.generations, self.config.evaluate.num_replicates)]

    def fingerprint(self, generation: int, phase: Phase) -> str:
        """Return the hash of all that decides a phase's result: its name, version, settings, seed, base weights and inputs."""
        if (generation, phase.name) not in self._fingerprints:
            inputs = [self.fingerprint(g, self.phases[name]) for g, name in phase.inputs(self.config, generation)]
            assert self.store is not None, "only rank 0 takes fingerprints"
            weights = self.store.get(key(Table.META, "weights"))
            assert weights is not None, "written when the run was created"
            content = [phase.name, phase.version, self.config.seed, phase.settings(self.config, generation), weights.fields, inputs]
            text = json.dumps(content, sort_keys=True, default=str)
            self._fingerprints[generation, phase.name] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return self._fingerprints[generation, phase.name]

    def finished(self, generation: int, phase: Phase) -> bool:
        """Return whether a phase's row exists. Raises RunMismatch if the config or the code no longer match it."""
        answer: bool | str | None = None
        if self.store is not None:
            row = _phase_row(self.store, generation, phase.name)
            answer = row is not None
            if row is not None and row.fields["fingerprint"] != self.fingerprint(generation, phase):
                answer = (
                    f"run {self.directory.name}: phase {phase.name} of generation {generation} was finished with another config or by another"
                    " version of loopsim; resume it with that one, or start a new run"
                )
        decided = self.world.broadcast(answer)
        if isinstance(decided, str):
            raise RunMismatch(decided)
        return bool(decided)

    @contextmanager
    def attempt(self, generation: int, phase: Phase) -> Iterator[PhaseContext]:
        """Give a phase what it may touch, and note the attempt's machine and time, whatever becomes of it."""
        self.interrupt.check()
        started = time.time()
        self.progress.phase_started(generation, phase.name)
        yield self.context(generation, phase)
        seconds = time.time() - started
        if self.store is not None:
            number = len(self.store.keys(key(Table.ATTEMPT)))
            note = {"generation": generation, "phase": phase.name, "started": started, "seconds": seconds} | environment()
            self.store.write([(key(Table.ATTEMPT, number), Record(note))])
            row = _phase_row(self.store, generation, phase.name)
            self.progress.phase_finished(generation, phase.name, row.fields["facts"] if row else {}, seconds)

    def context(self, generation: int, phase: Phase) -> PhaseContext:
        """Return what a phase may touch."""
        return PhaseContext(
            self.config,
            generation,
            phase.name,
            phase.replicate,
            self.world,
            self.progress,
            self.interrupt,
            self.directory,
            self.weights,
            self.store,
            self.reader,
        )

    def finish(self, context: PhaseContext, outputs: Outputs) -> None:
        """Store a phase's outputs and its row in one transaction: the only road to "finished". Its checkpoint goes with it."""
        if self.store is not None:
            row = Record({
                "fingerprint": self.fingerprint(context.generation, self.phases[context.phase]),
                "artifacts": dict(outputs.artifacts),
                "facts": dict(outputs.facts),
            })  # fmt: skip
            checkpoint_key = key(Table.CHECKPOINT, context.generation, context.phase)
            checkpoint = self.store.get(checkpoint_key)
            faults.reach("phase.finish")
            self.store.write([*outputs.rows, (key(Table.PHASE, context.generation, context.phase), row)], [checkpoint_key])
            if checkpoint is not None:
                artifacts.remove(self.directory / ARTIFACTS, checkpoint.fields["artifact"])
        self.world.wait()


def stored_config(store: Store, directory: Path) -> Config:
    """Return the resolved config that a run keeps. Raises CorruptRun if it has none."""
    row = store.get(key(Table.META, "config"))
    if row is None:
        raise CorruptRun(f"run {directory} has no config: it was killed while it was made; delete it and start again")
    return config_from_tree(row.fields, f"run {directory.name}")


def generator_of(directory: Path, generation: int | None) -> tuple[Config, Path, int]:
    """Return a run's config and the folder of SD_g's weights with g, the last one that was trained by default. Raises DataError if it was not."""
    with Store(directory / STATE, readonly=True) as store:
        config = stored_config(store, directory)
        trained = {g: fields["artifacts"] for (g, name), fields in finished_phases(store).items() if name == "finetune" and fields["artifacts"]}
    chosen = max(trained, default=0) if generation is None else generation
    if chosen not in trained:
        known = ", ".join(f"SD_{g}" for g in sorted(trained)) or "none"
        raise DataError(f"run {directory.name} has no SD_{chosen}; trained generators: {known}")
    return config, artifacts.locate(directory / ARTIFACTS, trained[chosen]["generator"]), chosen


def require_disk(directory: Path, needed: float) -> None:
    """Raise DiskFull, before anything is written, if the file system of `directory` has less than `needed` bytes free."""
    existing = next(p for p in (directory, *directory.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskFull(f"{existing} has {free / 1e6:.0f} MB free, the plan needs {needed / 1e6:.0f} MB; make room or choose --runs-dir elsewhere")


def finished_phases(store: Store) -> dict[PhaseKey, dict[str, Any]]:
    """Return every finished phase's record by (generation, phase name)."""
    found: dict[PhaseKey, dict[str, Any]] = {}
    prefix = key(Table.PHASE)
    for raw_key, record in store.scan(prefix):
        rest = raw_key[len(prefix) :]
        found[int.from_bytes(rest[:4], "big"), rest[4:-1].decode()] = record.fields
    return found
