"""Checks a run against itself, every row's checksum, every artifact's hash, every generation's seal; and
drops back to what is sound.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.config import ResolvedConfig
from loopsim.context.phase_names import PhaseKey
from loopsim.core.errors import CorruptRun, DataError
from loopsim.core.files import sweep_dead, sync_folder, temporary_beside, write_atomically
from loopsim.core.run_folder import ARTIFACTS, STATE
from loopsim.models.gate import check_model_folder
from loopsim.runs.lock import RunLock
from loopsim.runs.retention import named_artifacts
from loopsim.runs.schedule import planned_phases
from loopsim.runs.stored_config import config_of_tree, stored_config
from loopsim.store.integrity import (
    Damage,
    damages,
    released_phases,
    restored,
    sound_phases,
    stands_on,
)
from loopsim.store.rows import ConfigRow, PastRow, PhaseRow
from loopsim.store.salvage import copy_with_holes, salvage
from loopsim.store.store import DATA_FILE, DamagedStore, Store


@final
@dataclass(frozen=True)
class Verified:
    """What was checked and found sound."""

    digest: str
    num_rows: int
    num_artifacts: int
    num_seals: int


@final
@dataclass(frozen=True)
class Repair:
    """What a repair does: the problems found, the phases that are dropped and will be done again, in
    order.
    """

    problems: list[str]
    redo: list[PhaseKey]


def _damages(store: Store, directory: Path) -> list[Damage]:
    phases, released = sound_phases(store), released_phases(store)
    found = list(damages(store, directory / ARTIFACTS, phases, released))
    broken = {damage.owner for damage in found}
    kept = {place: row for place, row in phases.items() if place not in released and place not in broken}
    return [*found, *_refused_models(directory / ARTIFACTS, kept)]


def _refused_models(folder: Path, phases: Mapping[PhaseKey, PhaseRow]) -> Iterator[Damage]:
    """Yield the models that are what their hash says, and that no library will be given."""
    for (generation, name), row in sorted(phases.items()):
        for part, artifact in sorted(row.artifacts.items()):
            try:
                check_model_folder(folder / artifact)
            except DataError as error:
                yield Damage(f"generation {generation}, {name}, {part}: {error}", (generation, name))


def verify_run(directory: Path) -> Verified:
    """Return the digest of a sound run. Raises CorruptRun listing everything that is damaged."""
    with Store(directory / STATE, readonly=True) as store:
        found = _damages(store, directory)
        if found:
            shown = "\n  ".join(damage.problem for damage in found[:20])
            raise CorruptRun(
                f"run {directory.name}: {len(found)} problems:\n  {shown}\n`loopsim repair "
                f"{directory.name}` drops "
                "back to what is sound"
            )
        phases = sound_phases(store)
        num_seals = sum(row.seal is not None for row in phases.values())
        num_artifacts = len(named_artifacts(store, phases))
        return Verified(store.digest(), len(store.raw_keys()), num_artifacts, num_seals)


@final
@dataclass(frozen=True)
class _Plan:
    told: Repair
    deletes: list[bytes]
    restores: list[tuple[bytes, bytes]]


def plan_repair(directory: Path) -> Repair:
    """Return what `repair_run` would do. Raises CorruptRun if the run's config itself is damaged and has no
    second copy: nothing replaces it.
    """
    try:
        with Store(directory / STATE, readonly=True) as store:
            return _plan(store, directory).told
    except DamagedStore as error:
        with _salvaged(directory) as path, Store(path, readonly=True) as store:
            found = _plan(store, directory).told
        return Repair([_first_clause(error), *found.problems], found.redo)


def _first_clause(error: Exception) -> str:
    return str(error).partition(";")[0]


@contextmanager
def _salvaged(directory: Path) -> Iterator[Path]:
    """Yield a store of what can be salvaged of a broken one; it is gone afterwards, unless it was moved."""
    sweep_dead(directory, STATE)
    place = temporary_beside(directory / STATE)
    place.mkdir()
    try:
        salvage(directory / STATE, directory, place / STATE)
        yield place / STATE
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _plan(store: Store, directory: Path) -> _Plan:
    found = _damages(store, directory)
    fatal = [damage.problem for damage in found if damage.fatal]
    if fatal:
        raise CorruptRun(
            f"run {directory.name} cannot be repaired: {'; '.join(fatal)}. Restore {directory / STATE} from "
            "a copy, or "
            "start again"
        )
    config = _config_of(store, directory, found)
    past = restored(found, PastRow) or store.get(PastRow)
    names = planned_phases(config, past.entries if past is not None else [])
    order = {place: number for number, place in enumerate(names)}
    owners = [order.get(damage.owner, 0) for damage in found if damage.owner is not None]
    cut = min(owners, default=len(names))
    done = sound_phases(store)
    redo = [place for place in names[cut:] if place in done or any(damage.owner == place for damage in found)]
    dropped = [raw_key for damage in found for raw_key in damage.raw_keys]
    stale = [raw_key for raw_key in store.raw_keys() if _is_stale(raw_key, order, cut)] if owners else []
    return _Plan(
        Repair([damage.problem for damage in found], redo),
        list(dict.fromkeys([*dropped, *stale])),
        [damage.restore for damage in found if damage.restore is not None],
    )


def _config_of(store: Store, directory: Path, found: list[Damage]) -> ResolvedConfig:
    """Return the run's config, or what a repair puts in its place."""
    row = restored(found, ConfigRow)
    return stored_config(store, directory) if row is None else config_of_tree(row.tree, directory)


def _is_stale(raw_key: bytes, order: dict[PhaseKey, int], cut: int) -> bool:
    """Return whether a row has no meaning without a phase from the cut on."""
    try:
        needed = stands_on(raw_key)
    except ValueError:
        return False
    return needed is not None and order.get(needed, len(order)) >= cut


def repair_run(directory: Path) -> Repair:
    """Drop damaged rows, and every phase from the first damaged one on: `resume` does them again. Returns
    what was done.

    A store whose pages do not hang together is made anew of what can be salvaged; the old data file is kept
    beside it as `damaged-N.mdb`.
    """
    with RunLock(directory):
        sweep_dead(directory, STATE)  # of a repair that was killed
        told = plan_repair(directory)
        try:
            Store(directory / STATE, readonly=True).close()
        except DamagedStore:
            with _salvaged(directory) as path:
                _put_in_place(path / DATA_FILE, directory)
        with Store(directory / STATE) as store:
            plan = _plan(store, directory)
            if plan.restores:
                store.restore(plan.restores)
            if plan.deletes:
                store.drop(plan.deletes)
            if plan.told.problems:
                store.copy_again()
    return told


def _put_in_place(data: Path, directory: Path) -> None:
    """Keep a run's data file under another name, and put another in its place in one step.

    The kept one is a copy: a second name for the same file would make the run look like a link to one who is
    killed here.
    """
    current, number = directory / STATE / DATA_FILE, 1
    while os.path.lexists(directory / f"damaged-{number}.mdb"):
        number += 1
    write_atomically(directory / f"damaged-{number}.mdb", lambda path: copy_with_holes(current, path))
    os.replace(data, current)
    sync_folder(current.parent)
