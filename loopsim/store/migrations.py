"""Rows of older schemas, made into today's when they are read. The store itself is left as it is.

Schema 2 (until 2026-11): a sample's prompt was also its caption; rows of D_g named real pictures by their
key, and samples by generation and index; seals lay among a commit's facts; an attempt's machine among its own
fields, and only finished attempts were noted. Schema 3 (November 2026): a generation's seal was over its data
and what was measured, two fields of its commit; it counted no tables and did not cover the seal before.
"""

from collections.abc import Callable
from typing import Any

from loopsim.store.keys import Key, Table

OLDEST = 2
Fields = dict[str, Any]
Upgrade = Callable[[Key, Fields], Fields]


def _config(_: Key, fields: Fields) -> Fields:
    tree = dict(fields)
    micro_batch = tree["finetune"]["micro_batch"]
    if micro_batch == "whole":
        tree["finetune"] = tree["finetune"] | {"micro_batch": tree["finetune"]["batch_size"]}
    if tree["generator"]["family"] == "auto":
        tree["generator"] = tree["generator"] | {"family": "sd"}
    if tree["evaluate"]["professions"] is None:
        # Only a resume would ask for those of files, and a run of schema 2 is not resumed: its phases'
        # versions differ.
        own = tree["data"]["openmoji"]["professions"] if tree["data"]["corpus"] == "openmoji" else {}
        tree["evaluate"] = tree["evaluate"] | {"professions": own}
    return {"tree": tree}


def _meta(key: Key, fields: Fields) -> Fields:
    if key == ("config",):
        return _config(key, fields)
    if key == ("past",):
        entries = [
            {
                "until": e["until"],
                "config": _config(key, e["config"])["tree"],
                "weights": e["weights"]["hash"],
            }
            for e in fields["entries"]
        ]
        return {"entries": entries}
    return fields


def _phase(_: Key, fields: Fields) -> Fields:
    facts = dict(fields["facts"])
    sealed = {"seal": facts.pop("seal"), "num_sealed": facts.get("num_rows")} if "seal" in facts else {}
    return fields | {"facts": facts} | sealed


def _dataset(_: Key, fields: Fields) -> Fields:
    if fields["source"] == "real":
        _, draw, slot = fields["key"].split("/")
        return {"made_for": 0, "index": int(draw), "slot": int(slot)}
    return {"made_for": fields["generation"], "index": fields["index"], "slot": None}


def _sample(_: Key, fields: Fields) -> Fields:
    return fields | {"caption": fields["prompt"]}


def _estimate(_: Key, fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name not in ("metric", "group")}


def _attempt(_: Key, fields: Fields) -> Fields:
    own = ("generation", "phase", "started", "seconds")
    machine = {name: value for name, value in fields.items() if name not in own}
    return {name: fields[name] for name in own} | {"outcome": "finished", "machine": machine}


_FROM_2: dict[Table, Upgrade] = {
    Table.META: _meta,
    Table.PHASE: _phase,
    Table.DATASET: _dataset,
    Table.SAMPLE: _sample,
    Table.METRIC: _estimate,
    Table.ADDED: _estimate,
    Table.REPLICATE: _estimate,
    Table.ATTEMPT: _attempt,
}


def _phase_of_3(_: Key, fields: Fields) -> Fields:
    kept = {name: value for name, value in fields.items() if name not in ("seal", "num_sealed")}
    if fields.get("seal") is None:
        return kept
    return kept | {"seal": {"hash": fields["seal"], "num_rows": fields["num_sealed"], "counts": None}}


# From which schema to the next one: what becomes of a table's fields. Tables that are not named stayed as
# they were.
STEPS: dict[int, dict[Table, Upgrade]] = {2: _FROM_2, 3: {Table.PHASE: _phase_of_3}}


def upgrade(schema: int, newest: int, table: Table, key: Key, fields: Fields) -> Fields:
    """Return a row's fields as the newest schema has them. Raises KeyError or TypeError for fields of a wrong
    shape.
    """
    for step in range(schema, newest):
        change = STEPS[step].get(table)
        fields = fields if change is None else change(key, fields)
    return fields
