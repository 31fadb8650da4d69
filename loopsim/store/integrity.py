"""What is damaged in a run, and which phase it belongs to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.store import artifacts
from loopsim.store.keys import Table, decode_key, readable, table_of
from loopsim.store.rows import CheckpointRow, PhaseRow, ReleasedRow
from loopsim.store.store import Store

PhaseKey = tuple[int, str]  # generation, phase name


@final
@dataclass(frozen=True)
class Damage:
    """One problem; `owner` is the phase that has to be done again, None for what can simply be dropped, and
    `fatal` what nothing can replace.

    `raw_key`: the damaged row, if it is one.
    """

    problem: str
    owner: PhaseKey | None = None
    raw_key: bytes | None = None
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
        case Table.METRIC | Table.ITEMS | Table.AUDIT:
            return first, "evaluate"
        case Table.REPLICATE | Table.REPLICATE_AUDIT:
            return 0, f"evaluate#{first}"
    return None


def stands_on(raw_key: bytes) -> PhaseKey | None:
    """Return the phase without which a row has no meaning: the one that wrote it, or whose work it continues.

    Raises ValueError for a key of a wrong shape.
    """
    if table_of(raw_key) in (Table.ADDED, Table.ADDED_ITEMS, Table.CHECKPOINT, Table.RELEASED):
        first, second, *_ = decode_key(raw_key)
        is_metric = table_of(raw_key) in (Table.ADDED, Table.ADDED_ITEMS)
        return int(first), "evaluate" if is_metric else str(second)
    return owner_of(raw_key)


def damages(
    store: Store, folder: Path, phases: Mapping[PhaseKey, PhaseRow], released: set[PhaseKey]
) -> Iterator[Damage]:
    """Yield everything that is wrong: rows, artifacts that are to be there, seals."""
    broken: set[int] = set()
    for raw_key, problem in store.damaged():
        try:
            owner = owner_of(raw_key)
            fatal = table_of(raw_key) is Table.META
        except ValueError:
            owner, fatal = None, False
        if owner is not None:
            broken |= {owner[0], owner[0] + 1}
        yield Damage(problem, owner, raw_key, fatal)
    for (generation, name), row in sorted(phases.items()):
        for part, artifact in sorted(row.artifacts.items()):
            if (generation, name) not in released:
                wrong = artifacts.damage(folder, artifact, row.files.get(part))
                if wrong is not None:
                    yield Damage(f"generation {generation}, {name}, {part}: {wrong}", (generation, name))
        sealed = (row.num_sealed, row.seal)
        if row.seal is not None and generation not in broken and store.seal(generation) != sealed:
            # Rows that are whole, but not those that were sealed: nobody can say which, so all that went into
            # the generation is made again.
            again = (generation - 1, "generate") if generation else (0, "compose")
            yield Damage(f"generation {generation} was changed after it was sealed", again)
    for checkpoint in store.sound(CheckpointRow):
        wrong = artifacts.damage(folder, checkpoint.artifact)
        if wrong is not None:
            raw_key = checkpoint.raw_key
            yield Damage(f"checkpoint {readable(raw_key)}: {wrong}", None, raw_key)
