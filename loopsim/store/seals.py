"""Seals: what was there when a generation was finished, or when a metric was added to it later.

Every seal of a generation covers the one before, so that none can be taken out. Pictures of an audit that
were drawn for a metric that was added are under no seal: whoever needs one that is missing draws it again.
"""

import json
from collections.abc import Collection, Iterable

from loopsim.store.codec import encode
from loopsim.store.keys import Table, encode_key, table_of
from loopsim.store.row import Row
from loopsim.store.rows import PhaseRow, Seal
from loopsim.store.store import Store, hash_of_rows

# What belongs to a generation by its key: its data and what was measured.
_MEASURED = (Table.DATASET, Table.SAMPLE, Table.CURATION, Table.METRIC, Table.ITEMS)
_MADE = (*_MEASURED, Table.PREPARED)
_OF_REPLICATES = (Table.REPLICATE, Table.REPLICATE_AUDIT)
ADDED = (Table.ADDED, Table.ADDED_ITEMS)
_BASELINE, _COMMIT = 0, "commit"


def is_for_next(phase: str) -> bool:
    """Return whether a phase is there only if another generation follows, whose seal then covers it: what
    makes the next data, and the baseline's replicates. So a run that is extended is sealed as one that was
    planned longer.
    """
    return phase in ("finetune", "prepare", "generate") or "#" in phase


def seal_of(store: Store, generation: int, without: Collection[Table] = ()) -> Seal:
    """Return the seal over a generation's rows, as they are now: of its phases and those before that made its
    data, its data and what was measured; the first generation's covers the baseline's replicates, too.

    `without`: tables that are left out.
    Raises CorruptRun if a row is damaged.
    """
    before = store.get(PhaseRow, generation - 1, _COMMIT) if generation else None
    # What phases left, not their fingerprints: other ways to the same results are sealed alike.
    left = [[row.key, dict(row.artifacts), dict(row.facts)] for row in _phases_of(store, generation)]
    start = [before.seal.hash if before is not None and before.seal is not None else None, left]
    prefixes = [encode_key(table, generation) for table in (*_MADE, Table.AUDIT)]
    prefixes += [encode_key(table) for table in _OF_REPLICATES] if generation == _BASELINE + 1 else []
    rows = (row for prefix in prefixes if table_of(prefix) not in without for row in store.values(prefix))
    counts, found = hash_of_rows(rows, json.dumps(start, sort_keys=True))
    counts[Table.PHASE] = len(left)
    return Seal(found, sum(counts.values()), counts)


def _phases_of(store: Store, generation: int) -> list[PhaseRow]:
    """Return the finished phases that a generation's seal covers."""
    earlier = list(store.scan(PhaseRow, generation - 1)) if generation else []
    own = [row for row in store.scan(PhaseRow, generation) if row.phase != _COMMIT]
    return [row for row in earlier if is_for_next(row.phase)] + [
        row for row in own if not is_for_next(row.phase)
    ]


def holds(store: Store, generation: int, seal: Seal) -> bool:
    """Return whether a generation's rows are those that were sealed."""
    if seal.counts is None:  # of an older schema
        counts, found = hash_of_rows(
            pair for table in _MEASURED for pair in store.values(encode_key(table, generation))
        )
        return (sum(counts.values()), found) == (seal.num_rows, seal.hash)
    later = [table for table in (Table.AUDIT, Table.REPLICATE_AUDIT) if table not in seal.counts]
    return seal_of(store, generation, later) == seal


def added_seal(store: Store, generation: int, fresh: Iterable[Row] = ()) -> Seal:
    """Return the seal over what was added to a generation, together with rows that are not stored yet."""
    prefixes = [encode_key(table, generation) for table in ADDED]
    prefixes += [encode_key(Table.ADDED_REPLICATE)] if generation == _BASELINE else []
    rows = {key: value for prefix in prefixes for key, value in store.values(prefix)}
    rows |= {row.raw_key: encode(row) for row in fresh}
    counts, found = hash_of_rows(sorted(rows.items()))
    return Seal(found, sum(counts.values()), counts)
