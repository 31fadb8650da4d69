"""What is damaged in a run, and which phase it belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.store import artifacts
from loopsim.store.keys import SEALED, Table, key, parts_of, readable, table_of
from loopsim.store.store import Store

PhaseKey = tuple[int, str]


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


def owner_of(raw_key: bytes) -> PhaseKey | None:
    """Return the phase that wrote a row, or None if none did (bookkeeping, added metrics)."""
    table, parts = table_of(raw_key), parts_of(raw_key)
    match table:
        case Table.PHASE:
            return int(parts[0]), str(parts[1])
        case Table.DATASET:
            return int(parts[0]), "compose"
        case Table.SAMPLE | Table.CURATION:
            return int(parts[0]) - 1, "generate"
        case Table.METRIC | Table.ITEMS | Table.AUDIT:
            return int(parts[0]), "evaluate"
        case Table.REPLICATE | Table.REPLICATE_AUDIT:
            return 0, f"evaluate#{parts[0]}"
    return None


def damages(
    store: Store, folder: Path, phases: dict[PhaseKey, dict], released: set[PhaseKey]
) -> Iterator[Damage]:
    """Yield everything that is wrong: rows, artifacts that are to be there, seals. `phases` are the finished
    phases' readable records.
    """
    broken: set[int] = set()
    for raw_key, problem in store.damaged():
        try:
            owner = owner_of(raw_key)
            fatal = table_of(raw_key) is Table.META
        except (ValueError, IndexError):
            owner, fatal = None, False
        if owner is not None:
            broken |= {owner[0], owner[0] + 1}
        yield Damage(problem, owner, raw_key, fatal)
    for (generation, name), fields in sorted(phases.items()):
        for part, artifact in sorted(fields["artifacts"].items()):
            if (generation, name) not in released:
                wrong = artifacts.damage(folder, artifact, fields.get("files", {}).get(part))
                if wrong is not None:
                    yield Damage(f"generation {generation}, {name}, {part}: {wrong}", (generation, name))
        sealed = (fields["facts"]["num_rows"], fields["facts"]["seal"]) if "seal" in fields["facts"] else None
        if sealed is not None and generation not in broken and store.seal(generation, SEALED) != sealed:
            # Rows that are whole, but not those that were sealed: nobody can say which, so all that went into
            # the generation is made again.
            owner = (generation - 1, "generate") if generation else (0, "compose")
            yield Damage(f"generation {generation} was changed after it was sealed", owner)
    for raw_key, record in store.sound(key(Table.CHECKPOINT)):
        wrong = artifacts.damage(folder, record.fields["artifact"])
        if wrong is not None:
            yield Damage(f"checkpoint {readable(raw_key)}: {wrong}", None, raw_key)
