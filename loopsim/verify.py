"""Checks a run against itself: every row's checksum, every artifact's hash, every generation's seal."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.errors import CorruptRun
from loopsim.store import artifacts
from loopsim.store.keys import SEALED, Table, key
from loopsim.store.store import Store

STATE, ARTIFACTS = "state.lmdb", "artifacts"


@final
@dataclass(frozen=True)
class Verified:
    """What was checked and found sound."""

    digest: str
    num_rows: int
    num_artifacts: int
    num_seals: int


def verify_run(directory: Path) -> Verified:
    """Return the digest of a sound run. Raises CorruptRun listing everything that is damaged."""
    with Store(directory / STATE, readonly=True) as store:
        problems = store.damaged()
        names: set[str] = set()
        num_seals = 0
        if not problems:
            for raw_key, record in store.scan(key(Table.PHASE)):
                names |= set(record.fields["artifacts"].values())
                if "seal" in record.fields["facts"]:
                    prefix = len(key(Table.PHASE))
                    generation = int.from_bytes(raw_key[prefix : prefix + 4], "big")
                    num_seals += 1
                    if store.seal(generation, SEALED) != (record.fields["facts"]["num_rows"], record.fields["facts"]["seal"]):
                        problems.append(f"generation {generation} was changed after it was sealed")
            names |= {record.fields["artifact"] for _, record in store.scan(key(Table.CHECKPOINT))}
            problems += [problem for name in sorted(names) if (problem := artifacts.damage(directory / ARTIFACTS, name))]
        if problems:
            shown = "\n  ".join(problems[:20])
            raise CorruptRun(f"run {directory.name}: {len(problems)} problems:\n  {shown}")
        return Verified(store.digest(), len(store.keys(b"")), len(names), num_seals)
