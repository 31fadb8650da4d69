"""Garbage: files that no row names, and old weights that the config's retention lets go."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.store import artifacts
from loopsim.store.integrity import PhaseKey, finished_phases, released_phases
from loopsim.store.rows import CheckpointRow, PhaseRow, ReleasedRow
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class Freed:
    """One thing that was deleted: its name, its size in bytes, and why."""

    name: str
    num_bytes: int
    why: str


def kept_generations(keep: str, last_committed: int, generations: int) -> set[int]:
    """Return the generations whose weights a policy keeps.

    The two newest committed ones and all that follow always stay: the loop goes on there. `keep`: all, last,
    or every:N (each N-th generation, counted from the baseline).
    """
    # A finished run that is extended fine-tunes its last generation, which goes on from the weights of the
    # one before.
    following = set(range(max(0, last_committed - 1), generations + 1))
    if keep == "all":
        return set(range(generations + 1))
    every = int(keep.removeprefix("every:")) if keep.startswith("every:") else 0
    return following | ({g for g in range(generations + 1) if g % every == 0} if every else set())


def release(store: Store, phases: Mapping[PhaseKey, PhaseRow], keep: str, generations: int) -> None:
    """Note in the store which phases' weights the policy lets go; the files go afterwards, as garbage."""
    committed = max((g for g, name in phases if name == "commit"), default=-1)
    if committed < 0:
        return
    kept, before = kept_generations(keep, committed, generations), released_phases(store)
    gone = [place for place, row in sorted(phases.items()) if row.artifacts and place[0] not in kept]
    fresh = [ReleasedRow(g, name, keep) for g, name in gone if (g, name) not in before]
    if fresh:
        store.write(fresh)


def named_artifacts(store: Store, phases: Mapping[PhaseKey, PhaseRow]) -> set[str]:
    """Return the artifacts that a run still needs: of phases whose weights were not let go, and of
    checkpoints.
    """
    released = released_phases(store)
    names = {a for place, row in phases.items() if place not in released for a in row.artifacts.values()}
    return names | {row.artifact for row in store.scan(CheckpointRow)}


def collect(folder: Path, store: Store, keep: str, generations: int) -> list[Freed]:
    """Let old weights go by a retention, and delete every artifact that no row needs, and what a killed write
    left.

    The caller holds the run's lock.
    """
    phases = finished_phases(store)
    release(store, phases, keep, generations)
    needed = named_artifacts(store, phases)
    once = {a for row in phases.values() for a in row.artifacts.values()}
    freed = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name in needed:
            continue
        files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        size = sum(p.stat().st_size for p in files)
        killed = path.name.startswith("tmp-")
        why = (
            "old weights" if path.name in once else "left by a killed write" if killed else "no row names it"
        )
        if path.is_dir():
            artifacts.remove(folder, path.name)
        else:
            path.unlink()
        freed.append(Freed(path.name, size, why))
    return freed
