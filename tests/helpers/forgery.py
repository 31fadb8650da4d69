"""Rows that were made to do harm: their checksums are right, what they say is not."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb

from loopsim.store import codec
from loopsim.store.keys import Table, encode_key, readable, table_of

Tree = dict[str, Any]
Parts = tuple[bytes, Any, bytes]  # a row's key, its JSON (a tree, or the text itself) and its bytes
Change = Callable[[bytes, Tree, bytes], Parts]
_HEADER = 17  # schema and checksum


def forge(directory: Path, table: Table, name: str, change: Change) -> None:
    """Replace a table's first row, or of META the one of that name, by what `change` makes of it."""
    with lmdb.open(str(directory / "state.lmdb"), map_size=1 << 30) as env, env.begin(write=True) as rows:
        key, value = next(
            (key, value)
            for key, value in rows.cursor()
            if table_of(key) is table and (not name or readable(key).endswith(name))
        )
        start = _HEADER + 4
        end = start + int.from_bytes(value[_HEADER:start], "big")
        new_key, tree, blob = change(key, json.loads(value[start:end]), value[end:])
        text = tree if isinstance(tree, bytes) else json.dumps(tree, ensure_ascii=False).encode()
        payload, schema = struct.pack(">I", len(text)) + text + blob, codec.SCHEMA_VERSION
        rows.delete(key)
        rows.put(new_key, bytes([schema]) + codec._checksum(new_key, schema, payload) + payload)


def fields(**values: Any) -> Change:
    """Other values for some of its fields."""
    return lambda key, tree, blob: (key, tree | values, blob)


def text(content: bytes) -> Change:
    """Other JSON altogether."""
    return lambda key, tree, blob: (key, content, blob)


def blob(content: bytes) -> Change:
    """Other bytes."""
    return lambda key, tree, _: (key, tree, content)


def key(table: Table, *parts: int | str) -> Change:
    """Another key."""
    return lambda _, tree, blob: (encode_key(table, *parts), tree, blob)


def config(**values: Any) -> Change:
    """Other values in the config's tree."""
    return lambda key, tree, blob: (key, {"tree": tree["tree"] | values}, blob)


ESCAPE = "\x1b]0;owned\x07\x1b[2J[bold red]x[/bold red]"
FAR = 2**32 - 1
# What is forged: table, name (of META's rows), and the change.
FORGERIES: dict[str, tuple[Table, str, Change]] = {
    "a config of no shape": (Table.META, "config", text(b"[]")),
    "a config of 10^9 generations": (Table.META, "config", config(generations=10**9)),
    "a config with an unknown section": (Table.META, "config", config(evil={"x": 1})),
    "a config whose base weights are elsewhere": (Table.META, "config", config(base_weights="/nowhere")),
    "a config with escapes": (Table.META, "config", config(device=ESCAPE)),
    "a config with an intervention of no kind": (Table.META, "config", config(interventions=[{"a": 1}])),
    "a config with an unknown intervention": (
        Table.META,
        "config",
        config(interventions=[{"kind": ESCAPE, "x": [ESCAPE]}]),
    ),
    "base weights of another hash": (Table.META, "weights", fields(hash="../..")),
    "a phase with an artifact elsewhere": (Table.PHASE, "train_clip", fields(artifacts={"clip": "../../x"})),
    "a phase with files elsewhere": (Table.PHASE, "train_clip", fields(files={"clip": {"../../x": "y"}})),
    "a phase with facts of escapes": (Table.PHASE, "train_clip", fields(facts={ESCAPE: ESCAPE})),
    "a phase with facts of no numbers": (Table.PHASE, "generate", fields(facts={"num_candidates": ESCAPE})),
    "a phase with endless facts": (Table.PHASE, "generate", text(b'{"facts":{"n":1e999}}')),
    "a phase of an unknown name": (Table.PHASE, "", key(Table.PHASE, 0, ESCAPE)),
    "a phase of a far generation": (Table.PHASE, "", key(Table.PHASE, FAR, "commit")),
    "a seal of another": (Table.PHASE, "commit", fields(seal={"hash": "x", "num_rows": -1, "counts": {}})),
    "a picture that is none": (Table.SAMPLE, "", blob(b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run")),
    "a picture that is cut": (Table.SAMPLE, "", lambda k, tree, data: (k, tree, data[: len(data) // 2])),
    "a sample with escapes": (Table.SAMPLE, "", fields(caption=ESCAPE, prompt=ESCAPE)),
    "a sample with half a character": (Table.SAMPLE, "", text(b'{"caption":"\\ud800"}')),
    "a sample of a far slot": (Table.SAMPLE, "", fields(slot=2**62)),
    "a picture of D_g from nowhere": (Table.DATASET, "", fields(made_for=77, index=2**40)),
    "a score that is none": (Table.CURATION, "", text(b'{"clip_score":NaN,"kept":true,"reason":""}')),
    "a metric with escapes": (Table.METRIC, "", fields(section=ESCAPE, reason=ESCAPE)),
    "a metric of a huge number": (Table.METRIC, "", fields(value=1e308, low=-1e308, high=1e308, n=2**62)),
    "a metric with half a replicate": (Table.METRIC, "", blob(b"123")),
    "a metric of a far baseline": (Table.METRIC, "", fields(baseline=FAR)),
    "scores of another shape": (Table.ITEMS, "", fields(shape=[2**40, 2**40])),
    "an attempt on no machine": (Table.ATTEMPT, "", fields(machine={"versions": ESCAPE, "host": [1]})),
    "an attempt of a negative time": (Table.ATTEMPT, "", fields(started=-1e300, seconds=-1e300)),
    "JSON that is nested deep": (Table.PHASE, "compose", text(b"[" * 100_000)),
    "JSON with a number of 5,000 digits": (
        Table.PHASE,
        "compose",
        text(b'{"facts":{"n":1' + b"0" * 5000 + b"}}"),
    ),
}
