"""Checks a run against itself, every row's checksum, every artifact's hash, every generation's seal; and
drops back to what is sound.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.context.context import ARTIFACTS, STATE
from loopsim.context.phase_names import PhaseKey, all_phases
from loopsim.core.errors import CorruptRun
from loopsim.runs.lock import RunLock
from loopsim.runs.retention import Freed, collect, named_artifacts
from loopsim.runs.stored_config import stored_config
from loopsim.store.integrity import Damage, damages, released_phases, sound_phases, stands_on
from loopsim.store.store import Store


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
    return list(damages(store, directory / ARTIFACTS, sound_phases(store), released_phases(store)))


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


def plan_repair(directory: Path) -> Repair:
    """Return what `repair_run` would do. Raises CorruptRun if the run's config itself is damaged: nothing
    replaces it.
    """
    with Store(directory / STATE, readonly=True) as store:
        return _plan(store, directory)[0]


def _plan(store: Store, directory: Path) -> tuple[Repair, list[bytes]]:
    found = _damages(store, directory)
    fatal = [damage.problem for damage in found if damage.fatal]
    if fatal:
        raise CorruptRun(
            f"run {directory.name} cannot be repaired: {'; '.join(fatal)}. Restore {directory / STATE} from "
            "a copy, or "
            "start again"
        )
    config = stored_config(store, directory)
    names = all_phases(config.generations, config.evaluate.num_replicates)
    order = {place: number for number, place in enumerate(names)}
    owners = [order.get(damage.owner, 0) for damage in found if damage.owner is not None]
    cut = min(owners, default=len(names))
    done = sound_phases(store)
    redo = [place for place in names[cut:] if place in done or any(damage.owner == place for damage in found)]
    dropped = [damage.raw_key for damage in found if damage.raw_key is not None]
    stale = [raw_key for raw_key in store.raw_keys() if _is_stale(raw_key, order, cut)] if owners else []
    return Repair([damage.problem for damage in found], redo), list(dict.fromkeys([*dropped, *stale]))


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
    """
    with RunLock(directory), Store(directory / STATE) as store:
        repair, deletes = _plan(store, directory)
        if deletes:
            store.drop(deletes)
    return repair


def collect_run(directory: Path, keep: str | None = None) -> list[Freed]:
    """Free what a run does not need, by its config's retention or another."""
    with RunLock(directory), Store(directory / STATE) as store:
        config = stored_config(store, directory)
        return collect(directory / ARTIFACTS, store, keep or config.keep, config.generations)
