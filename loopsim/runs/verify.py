"""Checks a run against itself, every row's checksum, every artifact's hash, every generation's seal; and
drops back to what is sound.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.context.context import ARTIFACTS, STATE
from loopsim.context.phase import PhaseKey, phase_names
from loopsim.core.errors import CorruptRun
from loopsim.runs.lock import RunLock
from loopsim.runs.run import sound_phases, stored_config
from loopsim.store.integrity import Damage, damages, owner_of
from loopsim.store.keys import Table, key, parts_of
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


def _released(store: Store) -> set[PhaseKey]:
    return {
        (int(parts[0]), str(parts[1]))
        for raw_key, _ in store.sound(key(Table.RELEASED))
        for parts in [parts_of(raw_key)]
    }


def _damages(store: Store, directory: Path) -> list[Damage]:
    return list(damages(store, directory / ARTIFACTS, sound_phases(store), _released(store)))


def verify_run(directory: Path) -> Verified:
    """Return the digest of a sound run. Raises CorruptRun listing everything that is damaged."""
    with Store(directory / STATE, readonly=True) as store:
        found = _damages(store, directory)
        if found:
            shown = "\n  ".join(damage.problem for damage in found[:20])
            raise CorruptRun(
                f"run {directory.name}: {len(found)} problems:\n  {shown}\n`loopsim repair "
                f"{directory.name}` drops back to what is sound"
            )
        phases, released = sound_phases(store), _released(store)
        names = {
            name
            for place, fields in phases.items()
            if place not in released
            for name in fields["artifacts"].values()
        }
        names |= {record.fields["artifact"] for _, record in store.scan(key(Table.CHECKPOINT))}
        num_seals = sum("seal" in fields["facts"] for fields in phases.values())
        return Verified(store.digest(), len(store.keys(b"")), len(names), num_seals)


def plan_repair(directory: Path) -> Repair:
    """Return what `repair_run` would do. Raises CorruptRun if the run's config itself is damaged: nothing can
    replace it.
    """
    with Store(directory / STATE, readonly=True) as store:
        return _plan(store, directory)[0]


def _plan(store: Store, directory: Path) -> tuple[Repair, list[bytes]]:
    found = _damages(store, directory)
    fatal = [damage.problem for damage in found if damage.fatal]
    if fatal:
        raise CorruptRun(
            f"run {directory.name} cannot be repaired: {'; '.join(fatal)}. Restore {directory / STATE} from "
            "a copy, or start again"
        )
    config = stored_config(store, directory)
    names = [
        (g, name)
        for g in range(config.generations + 1)
        for name in phase_names(g, config.generations, config.evaluate.num_replicates)
    ]  # fmt: skip
    order = {place: number for number, place in enumerate(names)}
    owners = [order.get(damage.owner, 0) for damage in found if damage.owner is not None]
    cut = min(owners, default=len(names))
    done = sound_phases(store)
    redo = [place for place in names[cut:] if place in done or any(damage.owner == place for damage in found)]
    dropped = [damage.raw_key for damage in found if damage.raw_key is not None]
    stale = [raw_key for raw_key in store.keys(b"") if _is_stale(raw_key, order, cut)] if owners else []
    return Repair([damage.problem for damage in found], redo), list(dict.fromkeys([*dropped, *stale]))


def _is_stale(raw_key: bytes, order: dict[PhaseKey, int], cut: int) -> bool:
    """Return whether a row belongs to a phase from the cut on."""
    try:
        owner = owner_of(raw_key)
        if owner is None:
            parts = parts_of(raw_key)
            is_added = raw_key.startswith(
                (key(Table.ADDED), key(Table.ADDED_ITEMS), key(Table.CHECKPOINT), key(Table.RELEASED))
            )
            owner = (int(parts[0]), "evaluate") if is_added else None
        return owner is not None and order.get(owner, len(order)) >= cut
    except (ValueError, KeyError, IndexError):
        return False


def repair_run(directory: Path) -> Repair:
    """Drop damaged rows, and every phase from the first damaged one on: `resume` does them again. Returns
    what was done.
    """
    lock = RunLock(directory)
    try:
        with Store(directory / STATE) as store:
            repair, deletes = _plan(store, directory)
            if deletes:
                store.write([], deletes)
        return repair
    finally:
        lock.release()
