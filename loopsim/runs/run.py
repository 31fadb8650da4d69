"""A run that is being worked on: what of it is finished, and the only road to "finished"."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

from loopsim.config import ResolvedConfig
from loopsim.context.checkpoints import checkpoints_of
from loopsim.context.config_view import view
from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs, Phase
from loopsim.context.phase_names import PREPARE, PhaseKey
from loopsim.context.session import Session
from loopsim.core import faults
from loopsim.core.distributed import World
from loopsim.core.errors import Interrupted, LoopsimError, RunMismatch
from loopsim.core.events import Listener, PhaseEnded, PhaseOutcome, PhaseStarted
from loopsim.core.interrupt import Interrupt
from loopsim.core.run_folder import ARTIFACTS, SCRATCH
from loopsim.interventions.base import Place
from loopsim.interventions.registry import Acting, acting
from loopsim.runs.environment import environment
from loopsim.runs.lock import RunLock
from loopsim.runs.model_links import link_models
from loopsim.runs.resolve import packages_of
from loopsim.runs.retention import Freed, collect
from loopsim.runs.schedule import names_of
from loopsim.runs.stored_config import config_of_tree
from loopsim.store import artifacts
from loopsim.store.rows import (
    AttemptRow,
    BaseWeightsRow,
    CheckpointRow,
    ManifestRow,
    PastEntry,
    PhaseRow,
)
from loopsim.store.store import Store


@final
@dataclass
class ActiveRun:
    """An open run and its one writer. `store` and `lock` are None on every rank but 0; `reader` reads on all
    of them.
    """

    directory: Path
    config: ResolvedConfig
    world: World
    phases: Mapping[str, Phase]
    emit: Listener
    interrupt: Interrupt
    weights: Path
    store: Store | None
    lock: RunLock | None
    reader: Store
    session: Session
    past: list[PastEntry]
    _fingerprints: dict[PhaseKey, str] = field(default_factory=dict)

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
        return [self.phases[name] for name in names_of(self.config, self.past, generation)]

    def _before_fork(self, generation: int, phase: Phase) -> PastEntry | None:
        """Return what the run was when a phase was simulated, if that was before a fork."""
        return next((entry for entry in self.past if phase.serves(generation) < entry.until), None)

    def config_at(self, generation: int, phase: Phase) -> ResolvedConfig:
        """Return the config of a phase: the run's own, or, before a fork, that of the run it came from."""
        entry = self._before_fork(generation, phase)
        return self.config if entry is None else config_of_tree(entry.config, self.directory)

    def _weights_at(self, generation: int, phase: Phase) -> str:
        entry, own = self._before_fork(generation, phase), self.reader.get(BaseWeightsRow)
        assert own is not None, "written when the run was created"
        return own.hash if entry is None else entry.weights

    def _acting(self, config: ResolvedConfig, generation: int, phase: Phase) -> tuple[Acting, ...]:
        """Return the interventions that act in a phase, as they stand for the generation that it serves."""
        if not phase.places and not phase.prepares:
            return ()
        return tuple(
            one
            for one in acting(config.interventions, phase.serves(generation))
            if one.intervention.places & phase.places or (phase.prepares and one.intervention.prepares())
        )

    def _draws_as_before(self, generation: int, phase: Phase) -> bool:
        both = (generation - 1, generation)
        if generation == 0 or not phase.places:
            return False
        acts = [one.intervention for g in both for one in self._acting(self.config_at(g, phase), g, phase)]
        changing = {Place.NOISE, Place.PICTURE, Place.WEIGHTS}
        return not any(one.acts() and one.places & changing for one in acts)

    def fingerprint(self, generation: int, phase: Phase) -> str:
        """Return the hash of all that decides a phase's result: its name, version, declared sections, seed,
        interventions, installed packages, base weights, corpus and inputs.
        """
        if (generation, phase.name) not in self._fingerprints:
            config = self.config_at(generation, phase)
            corpus, acts = self.reader.get(ManifestRow), self._acting(config, generation, phase)
            content = {
                "phase": [phase.name, phase.version],
                "seed": config.seed,
                "sections": {
                    name: _section(config, name, phase.serves(generation))
                    for name in phase.may_read(bool(acts))
                },
                "interventions": [
                    [one.intervention.name, one.intervention.version, one.intervention.content()]
                    for one in acts
                ],
                "packages": _packages(config, phase),
                "weights": self._weights_at(generation, phase),
                "corpus": None if corpus is None else corpus.hash,
                "inputs": [
                    self.fingerprint(g, self.phases[name])
                    for g, name in [
                        *phase.inputs(config, generation),
                        *self._preparation(phase, generation, acts),
                    ]
                ],
            }
            text = json.dumps(content, sort_keys=True, default=str)
            found = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            self._fingerprints[generation, phase.name] = found
        return self._fingerprints[generation, phase.name]

    def _preparation(self, phase: Phase, generation: int, acts: Sequence[Acting]) -> list[PhaseKey]:
        """Return the phase in which what acts in a phase learned what it uses."""
        learned = phase.name != PREPARE and any(one.intervention.prepares() for one in acts)
        return [(phase.serves(generation) - 1, PREPARE)] if learned else []

    def finished(self, generation: int, phase: Phase) -> bool:
        """Return whether a phase's row exists. Raises RunMismatch if the config or the code no longer match
        it.
        """
        answer: bool | str | None = None
        if self.store is not None:
            row = self.store.get(PhaseRow, generation, phase.name)
            answer = row is not None
            if row is not None and row.fingerprint != self.fingerprint(generation, phase):
                answer = (
                    f"run {self.directory.name}: phase {phase.name} of generation {generation} was finished "
                    "with "
                    "another config or by another version of loopsim; resume it with that one, or start a "
                    "new run"
                )
        decided = self.world.broadcast(answer)
        if isinstance(decided, str):
            raise RunMismatch(decided)
        return bool(decided)

    @contextmanager
    def attempt(self, generation: int, phase: Phase) -> Iterator[PhaseContext]:
        """Give a phase what it may touch, and note the attempt's machine, time and outcome, whatever becomes
        of it.
        """
        self.interrupt.check()
        started = time.time()
        self.emit(PhaseStarted(generation, phase.name))
        try:
            yield self.context(generation, phase)
        except BaseException as error:
            stopped = isinstance(error, (Interrupted, KeyboardInterrupt))
            self._note(generation, phase, started, "interrupted" if stopped else "failed", error)
            raise
        self._note(generation, phase, started, "finished")

    def _note(
        self,
        generation: int,
        phase: Phase,
        started: float,
        outcome: PhaseOutcome,
        error: BaseException | None = None,
    ) -> None:
        if self.store is None:
            return
        seconds = time.time() - started
        text = None if error is None else f"{type(error).__name__}: {error}"[:500]
        row = None
        try:
            place, machine = (generation, phase.name), environment(self.world.size)
            number = self.store.count(AttemptRow)
            self.store.write([AttemptRow(number, *place, started, seconds, outcome, machine, text)])
            row = self.store.get(PhaseRow, generation, phase.name)
        except (LoopsimError, OSError):
            # Where storage itself fails, the note fails too: the error that ended the attempt is the one to
            # tell of.
            if error is None:
                raise
        self.emit(PhaseEnded(generation, phase.name, outcome, row.facts if row else {}, seconds, text))

    def context(self, generation: int, phase: Phase, config: ResolvedConfig | None = None) -> PhaseContext:
        """Return what a phase may touch, under its config or another."""
        whole = config or self.config_at(generation, phase)
        acts = self._acting(whole, generation, phase)
        return PhaseContext(
            config=view(whole, phase.may_read(bool(acts)), phase.name),
            generation=generation,
            phase=phase.name,
            replicate=phase.replicate,
            world=self.world,
            emit=self.emit,
            interrupt=self.interrupt,
            directory=self.directory,
            weights=self.weights,
            store=self.store,
            reader=self.reader,
            session=self.session,
            acting=acts,
            serves=phase.serves(generation),
            draws_as_before=self._draws_as_before(generation, phase),
            checkpoint_seconds=self.config.checkpoint_seconds,
            keep=self.config.keep,
        )

    def finish(self, context: PhaseContext, outputs: Outputs) -> None:
        """Store a phase's outputs and its row in one transaction: the only road to "finished". Its checkpoint
        goes with it.
        """
        if self.store is not None:
            place = (context.generation, context.phase)
            folder = self.directory / ARTIFACTS
            row = PhaseRow(
                *place,
                fingerprint=self.fingerprint(context.generation, self.phases[context.phase]),
                artifacts=dict(outputs.artifacts),
                files={part: artifacts.listing(folder / name) for part, name in outputs.artifacts.items()},
                facts=dict(outputs.facts),
                seal=outputs.seal,
            )
            done = checkpoints_of(self.store, *place)
            faults.reach("phase.finish")
            self.store.write([*outputs.rows, row], [(CheckpointRow, checkpoint.key) for checkpoint in done])
            faults.reach("phase.finished")
            for checkpoint in done:
                artifacts.remove(folder, checkpoint.artifact)
            if context.phase == "commit" and self.config.keep != "all":
                self.collect()
            if outputs.artifacts or context.phase == "commit":
                link_models(self.directory, self.store)
        self.world.wait()

    def collect(self) -> list[Freed]:
        """Let go what the config's retention does not keep, and delete what no row names."""
        assert self.store is not None, "only rank 0 collects"
        return collect(self.directory / ARTIFACTS, self.store, self.config.keep, self.config.generations)


def _section(config: ResolvedConfig, name: str, generation: int) -> Any:
    """Return a section as JSON, as it stands for a generation; where a manifest lies decides nothing."""
    section = getattr(config, name).at(generation)
    return section.model_dump(mode="json", exclude={"manifest", "expected"} if name == "data" else None)


def _packages(config: ResolvedConfig, phase: Phase) -> dict[str, list[str]]:
    """Return the installed packages whose version a phase's result depends on."""
    mine = {"data": "data.corpus", "evaluate": "evaluate.metrics"}
    keys = tuple(key for section, key in mine.items() if section in phase.sections)
    keys += ("interventions.kind",) if phase.places or phase.prepares else ()
    return {
        name: [origin.package, origin.version]
        for name, origin in packages_of(config).items()
        if name.startswith(keys)
    }
