"""What is damaged in a run, and which phase it belongs to."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, final

from loopsim.core.errors import CorruptRun
from loopsim.store import artifacts, second_copy
from loopsim.store.codec import decode
from loopsim.store.keys import Table, decode_key, encode_key, readable, table_of
from loopsim.store.row import MetaRow
from loopsim.store.rows import (
    AddedItemsRow,
    AddedMetricRow,
    AddedReplicateRow,
    AddedSealRow,
    BaseWeightsRow,
    CheckpointRow,
    ConfigRow,
    PhaseRow,
    ReleasedRow,
    Seal,
)
from loopsim.store.seals import ADDED, added_seal, holds
from loopsim.store.store import Store

M = TypeVar("M", bound=MetaRow)
PhaseKey = tuple[int, str]  # generation, phase name


@final
@dataclass(frozen=True)
class Damage:
    """One problem; `owner` is the phase that has to be done again, None for what can simply be dropped, and
    `fatal` what nothing can replace.

    `raw_keys`: rows that a repair drops; `restore`: the row of the second copy that it puts in their place.
    """

    problem: str
    owner: PhaseKey | None = None
    raw_keys: tuple[bytes, ...] = ()
    restore: tuple[bytes, bytes] | None = None
    fatal: bool = False


def finished_phases(store: Store) -> dict[PhaseKey, PhaseRow]:
    """Return every finished phase's row. Raises CorruptRun if one is damaged."""
    return {(row.generation, row.phase): row for row in store.scan(PhaseRow)}


def sound_phases(store: Store) -> dict[PhaseKey, PhaseRow]:
    """Return the row of every finished phase that is not damaged."""
    return {(row.generation, row.phase): row for row in store.sound(PhaseRow)}


def released_phases(store: Store) -> set[PhaseKey]:
    """Return the phases whose weights were let go."""
    return {(row.generation, row.phase) for row in store.sound(ReleasedRow)}


def owner_of(raw_key: bytes) -> PhaseKey | None:
    """Return the phase that wrote a row, None if none did. Raises ValueError for a key of a wrong shape."""
    table = table_of(raw_key)
    if table_of(raw_key) in (Table.NOTE, Table.TRACKERS, Table.TRACKED):
        return None  # what was noted, and what others were told, stays
    first, *rest = decode_key(raw_key)
    if not isinstance(first, int):
        return None
    match table:
        case Table.PHASE:
            return first, str(rest[0])
        case Table.DATASET:
            return first, "compose"
        case Table.SAMPLE | Table.CURATION:
            return first - 1, "generate"
        case Table.PREPARED:
            return first - 1, "prepare"
        case Table.METRIC | Table.ITEMS | Table.AUDIT:
            return first, "evaluate"
        case Table.REPLICATE | Table.REPLICATE_AUDIT | Table.ADDED_REPLICATE:
            return 0, f"evaluate#{first}"
    return None


def stands_on(raw_key: bytes) -> PhaseKey | None:
    """Return the phase without which a row has no meaning: the one that wrote it, or whose work it continues.

    Raises ValueError for a key of a wrong shape.
    """
    first, *rest = decode_key(raw_key)
    if table_of(raw_key) in (*ADDED, Table.ADDED_SEAL):
        return int(first), "evaluate"
    if table_of(raw_key) in (Table.CHECKPOINT, Table.RELEASED):
        return int(first), str(rest[0]).partition("/")[0]  # a phase may have several trainings
    return owner_of(raw_key)


def damages(
    store: Store, folder: Path, phases: Mapping[PhaseKey, PhaseRow], released: set[PhaseKey]
) -> Iterator[Damage]:
    """Yield everything that is wrong: rows, rows that are missing, artifacts that are to be there, seals."""
    copied, broken = dict(second_copy.read(folder.parent)), set[int]()
    for damage in (*_damaged_rows(store, copied), *_missing_rows(store, copied, phases)):
        if damage.owner is not None:
            broken |= {damage.owner[0], damage.owner[0] + 1}
        yield damage
    yield from _damaged_artifacts(store, folder, phases, released)
    yield from _broken_seals(store, phases, broken)


def restored(found: Iterable[Damage], kind: type[M]) -> M | None:
    """Return the row of the second copy that a repair puts in place of a run's one row of that kind."""
    key = encode_key(kind.TABLE, kind.NAME)
    pairs = [damage.restore for damage in found if damage.restore is not None and damage.restore[0] == key]
    return decode(kind, *pairs[0]) if pairs else None


def _damaged_rows(store: Store, copied: Mapping[bytes, bytes]) -> Iterator[Damage]:
    for raw_key, problem in store.damaged():
        try:
            owner, table = owner_of(raw_key), table_of(raw_key)
        except ValueError:
            yield Damage(problem, None, (raw_key,))
            continue
        if table is Table.META:
            restore = (raw_key, copied[raw_key]) if raw_key in copied else None
            yield Damage(problem, None, (), restore, fatal=restore is None)
        else:
            yield Damage(problem, owner, (raw_key,))


def _missing_rows(
    store: Store, copied: Mapping[bytes, bytes], phases: Mapping[PhaseKey, PhaseRow]
) -> Iterator[Damage]:
    """Yield what the second copy has and the store has not. The other way round is no damage: a kill may have
    come between the two.
    """
    here = set(store.raw_keys(encode_key(Table.META)))
    for kind in (ConfigRow, BaseWeightsRow):
        if encode_key(Table.META, kind.NAME) not in here | set(copied):
            yield Damage(f"row meta/{kind.NAME} is missing", fatal=True)
    for raw_key, value in copied.items():
        if table_of(raw_key) is Table.META and raw_key not in here:
            yield Damage(f"row {readable(raw_key)} is missing", restore=(raw_key, value))
        elif table_of(raw_key) is Table.PHASE:
            generation, name = decode_key(raw_key)
            place = (int(generation), str(name))
            if place not in phases and not store.count(PhaseRow, *place):
                yield Damage(f"row {readable(raw_key)} is missing: the phase was finished", place)
    if _is_chained(phases) and not copied:
        yield Damage(f"{second_copy.FILE} is missing or damaged; it is made again")


def _damaged_artifacts(
    store: Store, folder: Path, phases: Mapping[PhaseKey, PhaseRow], released: set[PhaseKey]
) -> Iterator[Damage]:
    for (generation, name), row in sorted(phases.items()):
        for part, artifact in sorted(row.artifacts.items()):
            if (generation, name) not in released:
                wrong = artifacts.damage(folder, artifact, row.files.get(part))
                if wrong is not None:
                    yield Damage(f"generation {generation}, {name}, {part}: {wrong}", (generation, name))
    for checkpoint in store.sound(CheckpointRow):
        wrong = artifacts.damage(folder, checkpoint.artifact)
        if wrong is not None:
            raw_key = checkpoint.raw_key
            yield Damage(f"checkpoint {readable(raw_key)}: {wrong}", None, (raw_key,))


def _broken_seals(
    store: Store, phases: Mapping[PhaseKey, PhaseRow], broken: Collection[int]
) -> Iterator[Damage]:
    """Yield the generations whose rows are whole, but not those that were sealed, as far as nothing else is
    wrong with them.
    """
    for (generation, _), row in sorted(phases.items()):
        known = {generation, generation - 1} & set(broken)
        if row.seal is not None and not known and not _holds(store, generation, row.seal):
            # Nobody can say which row it is, so all that went into the generation is made again.
            again = (generation - 1, "finetune") if generation else (0, "compose")
            yield Damage(f"generation {generation} was changed after it was sealed", again)
    sealed = {row.generation: row.seal for row in store.sound(AddedSealRow)}
    measured = {int(g) for kind in (AddedMetricRow, AddedItemsRow) for g, *_ in store.keys(kind)}
    measured |= {0} if store.count(AddedReplicateRow) else set()
    for generation in sorted(measured | set(sealed)):
        if generation not in sealed and not _is_chained(phases):
            continue  # a run of an older schema, which sealed nothing that was added
        if generation not in sealed or not _added_holds(store, generation, sealed[generation]):
            prefixes = [encode_key(table, generation) for table in (*ADDED, Table.ADDED_SEAL)]
            prefixes += [encode_key(Table.ADDED_REPLICATE)] if generation == 0 else []
            rows = tuple(key for prefix in prefixes for key in store.raw_keys(prefix))
            yield Damage(
                f"what `evaluate --metric` added to generation {generation} was changed since; measure it "
                "again",
                raw_keys=rows,
            )


def _is_chained(phases: Mapping[PhaseKey, PhaseRow]) -> bool:
    return any(row.seal is not None and row.seal.counts is not None for row in phases.values())


def _holds(store: Store, generation: int, seal: Seal) -> bool:
    try:
        return holds(store, generation, seal)
    except CorruptRun:
        return True  # a row is damaged, which was told of by its own name


def _added_holds(store: Store, generation: int, seal: Seal) -> bool:
    try:
        return added_seal(store, generation) == seal
    except CorruptRun:
        return False


def last_seal(store: Store) -> str | None:
    """Return the hash in the seal of the last finished generation; None if none is."""
    sealed = {
        row.generation: row.seal.hash
        for row in store.scan(PhaseRow)
        if row.phase == "commit" and row.seal is not None
    }
    return sealed[max(sealed)] if sealed else None
