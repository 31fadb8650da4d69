"""A run: its directory, its config, what of it is finished, and the only road to "finished"."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

from loopsim.config import SHIPPED, Config, config_from_tree
from loopsim.context.context import ARTIFACTS, SCRATCH, STATE, PhaseContext, phase_row
from loopsim.context.phase import Outputs, Phase, PhaseKey, Progress, phase_names
from loopsim.core import faults
from loopsim.core.distributed import World
from loopsim.core.errors import CorruptRun, DataError, DiskFull, RunExists, RunMismatch
from loopsim.core.interrupt import Interrupt
from loopsim.data.manifest import Manifest
from loopsim.data.survey import manifest_path
from loopsim.models.base_weights import fingerprint_of_parts, named_parts, weights_folder
from loopsim.runs.environment import environment, what_changed
from loopsim.runs.lock import RunLock
from loopsim.runs.resolve import settle
from loopsim.runs.retention import Freed, collect, release
from loopsim.store import artifacts
from loopsim.store.keys import Table, key, parts_of
from loopsim.store.store import Record, Store

PhasesOf = Callable[[Config], tuple[Phase, ...]]


def _manifest_hash(config: Config) -> str | None:
    """Return the hash of the corpus's frozen manifest, or None for the pocket world."""
    if config.data.manifest is None or config.data.corpus != "files":
        return None
    manifest = Manifest(Path(config.data.manifest))
    try:
        return manifest.hash
    finally:
        manifest.close()


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
    past: list[dict[str, Any]] = field(default_factory=list)
    _fingerprints: dict[PhaseKey, str] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        directory: Path,
        config: Config,
        *,
        world: World,
        phases: PhasesOf,
        progress: Progress,
        interrupt: Interrupt,
    ) -> Self:
        """Start a new run of a config, settled first. Raises RunExists if the directory is taken; nothing of
        it is changed then.
        """
        weights = weights_folder(config)
        store, lock = None, None
        if world.is_main:
            if directory.exists() and any(directory.iterdir()):
                state = directory / STATE
                hint = (
                    f"go on with `loopsim resume {directory.name}`, or choose" if state.exists() else "choose"
                )
                raise RunExists(f"{directory} exists already; {hint} another --name")
            config = settle(config, directory.parent)
            directory.mkdir(parents=True, exist_ok=True)
            lock = RunLock(directory)
            store = Store(directory / STATE, create=True)
            manifest = _manifest_hash(config)
            store.write([
                (key(Table.META, "config"), kept_config(config, directory)),
                (key(Table.META, "weights"), Record({"hash": fingerprint_of_parts(config, weights)})),
                *([(key(Table.META, "manifest"), Record({"hash": manifest}))] if manifest else []),
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
        past = reader.get(key(Table.META, "past"))
        entries = past.fields["entries"] if past is not None else []
        return cls(
            directory,
            config,
            world,
            {phase.name: phase for phase in phases(config)},
            progress,
            interrupt,
            store,
            lock,
            weights,
            reader,
            entries,
        )

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
        """Open a run to go on with it, to more `generations` if given. The config comes from the run
        alone.
        """
        store, lock, config = None, None, None
        if world.is_main:
            Store(
                directory / STATE, readonly=True
            ).close()  # a missing or foreign run is refused before a lock file is made in it
            lock = RunLock(directory)
            store = Store(directory / STATE)
            config = stored_config(store, directory)
            if generations is not None and generations != config.generations:
                if generations < config.generations:
                    raise RunMismatch(
                        f"run {directory.name} has {config.generations} generations already; it can only be "
                        "extended"
                    )
                config = config.model_copy(update={"generations": generations})
                store.write([(key(Table.META, "config"), kept_config(config, directory))])
        config = world.broadcast(config)
        weights = weights_folder(config)
        if store is not None:
            recorded = store.get(key(Table.META, "weights"))
            if recorded is None or recorded.fields["hash"] != fingerprint_of_parts(config, weights):
                names = ", ".join(
                    sorted(
                        {str(weights) if part == SHIPPED else part for part in named_parts(config).values()}
                    )
                )
                raise RunMismatch(
                    f"the base weights ({names}) are not those that run {directory.name} began with; "
                    "restore them to resume"
                )
            frozen = store.get(key(Table.META, "manifest"))
            if frozen is not None and frozen.fields["hash"] != _manifest_hash(config):
                raise RunMismatch(
                    f"the manifest {config.data.manifest} is not the one that run {directory.name} began "
                    "with; restore it to resume"
                )
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
        return [
            self.phases[name]
            for name in phase_names(generation, self.config.generations, self.config.evaluate.num_replicates)
        ]

    def config_at(self, generation: int, phase: str = "") -> Config:
        """Return the config of a phase: the run's own, or, before a fork, that of the run it came from.
        S_{g+1} belongs to the next generation.
        """
        for entry in self.past:
            if generation + phase.startswith("generate") < entry["until"]:
                return resolved_config(entry["config"], self.directory)
        return self.config

    def _weights_at(self, generation: int, phase: str) -> dict[str, Any]:
        for entry in self.past:
            if generation + phase.startswith("generate") < entry["until"]:
                return entry["weights"]
        found = self.reader.get(key(Table.META, "weights"))
        assert found is not None, "written when the run was created"
        return found.fields

    def fingerprint(self, generation: int, phase: Phase) -> str:
        """Return the hash of all that decides a phase's result: its name, version, settings, seed, base
        weights and inputs.
        """
        if (generation, phase.name) not in self._fingerprints:
            config = self.config_at(generation, phase.name)
            inputs = [self.fingerprint(g, self.phases[name]) for g, name in phase.inputs(config, generation)]
            manifest = self.reader.get(key(Table.META, "manifest"))
            corpus = None if manifest is None else manifest.fields["hash"]
            content = [
                phase.name,
                phase.version,
                config.seed,
                phase.settings(config, generation),
                self._weights_at(generation, phase.name),
                corpus,
                inputs,
            ]
            text = json.dumps(content, sort_keys=True, default=str)
            self._fingerprints[generation, phase.name] = hashlib.blake2b(
                text.encode(), digest_size=16
            ).hexdigest()
        return self._fingerprints[generation, phase.name]

    def finished(self, generation: int, phase: Phase) -> bool:
        """Return whether a phase's row exists. Raises RunMismatch if the config or the code no longer match
        it.
        """
        answer: bool | str | None = None
        if self.store is not None:
            row = phase_row(self.store, generation, phase.name)
            answer = row is not None
            if row is not None and row.fields["fingerprint"] != self.fingerprint(generation, phase):
                answer = (
                    f"run {self.directory.name}: phase {phase.name} of generation {generation} was finished "
                    "with another config or by another"
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
            number = self.store.count(key(Table.ATTEMPT))
            note = {
                "generation": generation,
                "phase": phase.name,
                "started": started,
                "seconds": seconds,
            } | environment()
            self.store.write([(key(Table.ATTEMPT, number), Record(note))])
            row = phase_row(self.store, generation, phase.name)
            self.progress.phase_finished(generation, phase.name, row.fields["facts"] if row else {}, seconds)

    def context(self, generation: int, phase: Phase) -> PhaseContext:
        """Return what a phase may touch."""
        return PhaseContext(
            self.config_at(generation, phase.name),
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
        """Store a phase's outputs and its row in one transaction: the only road to "finished". Its checkpoint
        goes with it.
        """
        if self.store is not None:
            row = Record({
                "fingerprint": self.fingerprint(context.generation, self.phases[context.phase]),
                "artifacts": dict(outputs.artifacts),
                "files": {
                    part: artifacts.listing(self.directory / ARTIFACTS / name)
                    for part, name in outputs.artifacts.items()
                },
                "facts": dict(outputs.facts),
            })  # fmt: skip
            checkpoint_key = key(Table.CHECKPOINT, context.generation, context.phase)
            checkpoint = self.store.get(checkpoint_key)
            faults.reach("phase.finish")
            self.store.write(
                [*outputs.rows, (key(Table.PHASE, context.generation, context.phase), row)], [checkpoint_key]
            )
            faults.reach("phase.finished")
            if checkpoint is not None:
                artifacts.remove(self.directory / ARTIFACTS, checkpoint.fields["artifact"])
            if context.phase == "commit" and self.config.keep != "all":
                self.collect()
        self.world.wait()

    def collect(self) -> list[Freed]:
        """Let go what the config's retention does not keep, and delete what no row names."""
        assert self.store is not None, "only rank 0 collects"
        phases = finished_phases(self.store)
        release(self.store, phases, self.config.keep, self.config.generations)
        return collect(self.directory / ARTIFACTS, self.store, phases)

    def other_machine(self) -> list[str]:
        """Return what differs here from where the run's last attempt was made: another library version,
        number of threads or device changes bits.
        """
        numbers = self.reader.keys(key(Table.ATTEMPT))
        last = self.reader.get(numbers[-1]) if numbers else None
        return [] if last is None else what_changed(last.fields, environment())


def stored_config(store: Store, directory: Path) -> Config:
    """Return the resolved config that a run keeps. Raises CorruptRun if it has none."""
    row = store.get(key(Table.META, "config"))
    if row is None:
        raise CorruptRun(
            f"run {directory} has no config: it was killed while it was made; delete it and start again"
        )
    return resolved_config(row.fields, directory)


def resolved_config(fields: Mapping[str, Any], directory: Path) -> Config:
    """Return the config that a row keeps, with the manifest's default place filled in."""
    config = config_from_tree(fields, f"run {directory.name}")
    if config.data.corpus == "files" and config.data.manifest is None:
        manifest = str(manifest_path(config.data, directory.parent))
        return config.model_copy(update={"data": config.data.model_copy(update={"manifest": manifest})})
    return config


def kept_config(config: Config, directory: Path) -> Record:
    """Return the config's row; a manifest in its default place, beside the run, is left out: a run may move
    with its folder.
    """
    is_default = config.data.manifest == str(
        manifest_path(config.data.model_copy(update={"manifest": None}), directory.parent)
    )
    data = config.data.model_copy(update={"manifest": None}) if is_default else config.data
    return Record(config.model_copy(update={"data": data}).model_dump(mode="json"))


def generator_of(directory: Path, generation: int | None) -> tuple[Config, Path, int]:
    """Return a run's config and the folder of SD_g's weights with g, the last one that was trained by
    default. Raises DataError if it was not.
    """
    with Store(directory / STATE, readonly=True) as store:
        config = stored_config(store, directory)
        trained = {
            g: fields["artifacts"]
            for (g, name), fields in finished_phases(store).items()
            if name == "finetune" and fields["artifacts"]
        }
    chosen = max(trained, default=0) if generation is None else generation
    if chosen not in trained:
        known = ", ".join(f"SD_{g}" for g in sorted(trained)) or "none"
        raise DataError(f"run {directory.name} has no SD_{chosen}; trained generators: {known}")
    return config, artifacts.locate(directory / ARTIFACTS, trained[chosen]["generator"]), chosen


def require_disk(directory: Path, needed: float) -> None:
    """Raise DiskFull, before anything is written, if the file system of `directory` has less than `needed`
    bytes free.
    """
    existing = next(p for p in (directory, *directory.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskFull(
            f"{existing} has {free / 1e6:.0f} MB free, the plan needs {needed / 1e6:.0f} MB; make room or "
            "choose --runs-dir elsewhere"
        )


def sound_phases(store: Store) -> dict[PhaseKey, dict[str, Any]]:
    """Return the record of every finished phase whose row is not damaged."""
    return {
        (int(parts[0]), str(parts[1])): record.fields
        for raw_key, record in store.sound(key(Table.PHASE))
        for parts in [parts_of(raw_key)]
    }


def finished_phases(store: Store) -> dict[PhaseKey, dict[str, Any]]:
    """Return every finished phase's record by (generation, phase name)."""
    return {
        (int(parts[0]), str(parts[1])): record.fields
        for raw_key, record in store.scan(key(Table.PHASE))
        for parts in [parts_of(raw_key)]
    }


def collect_run(directory: Path, keep: str | None = None) -> list[Freed]:
    """Free what a run does not need (see `Run.collect`), by its config's retention or another; the caller
    holds the lock.
    """
    with Store(directory / STATE) as store:
        config, phases = stored_config(store, directory), finished_phases(store)
        release(store, phases, keep or config.keep, config.generations)
        return collect(directory / ARTIFACTS, store, phases)
