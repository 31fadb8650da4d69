"""Keys of the store: a table's name, then big-endian integers and zero-ended strings, so that rows sort as
their parts do. Only the store knows what a key looks like; above it a row is named by its class and its
parts.
"""

from enum import StrEnum

Part = int | str
Key = tuple[Part, ...]
MAX_KEY_BYTES = 511


class Table(StrEnum):
    """Every kind of row. The last six are bookkeeping of one machine's work, left out of the digest."""

    META = "meta"  # name
    PHASE = "phase"  # generation, phase
    DATASET = "dataset"  # generation, position: what D_g is made of
    SAMPLE = "sample"  # generation, candidate: picture, prompt, lineage of S_g
    CURATION = "curation"  # generation, candidate: scores, kept or not, and why
    PREPARED = "prepared"  # generation, intervention, index: what SD drew for an intervention to learn from
    AUDIT = "audit"  # generation, index: the generator's answers to neutral prompts
    METRIC = "metric"  # generation, metric, group: value, interval, bootstrap replicates
    ITEMS = "items"  # generation, metric: per-item scores
    REPLICATE = "replicate"  # replicate, metric, group: what the baseline's models show with another seed
    REPLICATE_AUDIT = "replicate_audit"  # replicate, index: its generator's answers to neutral prompts
    ADDED = "added"  # generation, metric, group: as METRIC, measured after the generation was sealed
    ADDED_ITEMS = "added_items"  # generation, metric
    ADDED_REPLICATE = "added_replicate"  # as REPLICATE, measured after the baseline was sealed
    ADDED_SEAL = "added_seal"  # generation: how many rows were added to it, and their hash
    CHECKPOINT = "checkpoint"  # generation, phase: where an unfinished training stands
    ATTEMPT = "attempt"  # number: when, where and by whom work was done
    RELEASED = "released"  # generation, phase: its weights were let go by the config's retention
    NOTE = "note"  # what people noted
    TRACKERS = "trackers"  # which trackers follow the run, and as what
    TRACKED = "tracked"  # tracker, generation, phase: what it was told already


VOLATILE = (
    Table.CHECKPOINT, Table.ATTEMPT, Table.RELEASED, Table.NOTE, Table.TRACKERS, Table.TRACKED,
)  # fmt: skip
# The kinds of a key's parts after its table: i is an integer, s a string.
SHAPES = {
    Table.META: "s", Table.PHASE: "is", Table.DATASET: "ii", Table.SAMPLE: "ii", Table.CURATION: "ii",
    Table.PREPARED: "iii", Table.AUDIT: "ii", Table.METRIC: "iss", Table.ITEMS: "is", Table.REPLICATE: "iss",
    Table.REPLICATE_AUDIT: "ii", Table.ADDED: "iss", Table.ADDED_ITEMS: "is", Table.CHECKPOINT: "is",
    Table.ATTEMPT: "i", Table.RELEASED: "is", Table.ADDED_REPLICATE: "iss", Table.ADDED_SEAL: "i",
    Table.NOTE: "", Table.TRACKERS: "", Table.TRACKED: "sis",
}  # fmt: skip


def encode_key(table: Table, *parts: Part) -> bytes:
    """Return a row's key, or with fewer parts the prefix of all rows that share them."""
    encoded = [f"{table}\0".encode()]
    for part in parts:
        encoded.append(part.to_bytes(4, "big") if isinstance(part, int) else part.encode() + b"\0")
    joined = b"".join(encoded)
    if len(joined) > MAX_KEY_BYTES:
        raise ValueError(f"key of {len(joined)} bytes is longer than LMDB's {MAX_KEY_BYTES}: {parts}")
    return joined


def table_of(raw_key: bytes) -> Table:
    """Return the table that a key belongs to. Raises ValueError if there is none."""
    return Table(raw_key.split(b"\0", 1)[0].decode())


def decode_key(raw_key: bytes) -> Key:
    """Return a key's parts after its table. Raises ValueError if it has not the shape of its table's keys."""
    _, zero, rest = raw_key.partition(b"\0")
    if not zero:
        raise ValueError(f"key {raw_key!r} is cut short")
    parts: list[Part] = []
    for kind in SHAPES[table_of(raw_key)]:
        if kind == "i":
            if len(rest) < 4:
                raise ValueError(f"key {raw_key!r} is cut short")
            parts.append(int.from_bytes(rest[:4], "big"))
            rest = rest[4:]
        else:
            text, end, rest = rest.partition(b"\0")
            if not end:
                raise ValueError(f"key {raw_key!r} is cut short")
            parts.append(text.decode())
    if rest:
        raise ValueError(f"key {raw_key!r} is too long")
    return tuple(parts)


def readable(raw_key: bytes) -> str:
    """Return a key for people: table and parts, "sample/2/17"; of a key that is damaged itself what can be
    shown.
    """
    try:
        return "/".join([str(table_of(raw_key)), *map(str, decode_key(raw_key))])
    except (ValueError, KeyError):
        return ascii(raw_key)
