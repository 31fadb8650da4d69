"""Garbage: files that no row names, and old weights that the config's retention lets go."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.store import artifacts
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Store


@final
@dataclass(frozen=True)
class Freed:
    """One thing that was deleted: its name, its size in bytes, and why."""

    name: str
    num_bytes: int
    why: str


def kept_generations(keep: str, last_committed: int, generations: int) -> set[int]:
    """Return the generations whose weights a policy keeps. The two newest committed ones and all that follow
    always stay: the loop goes on there.

    `keep`: all, last, or every:N (each N-th generation, counted from the baseline).
    """
    # A finished run that is extended fine-tunes its last generation, which goes on from the weights of the
    # one before.
    following = set(range(max(0, last_committed - 1), generations + 1))
    if keep == "all":
        return set(range(generations + 1))
    every = int(keep.removeprefix("every:")) if keep.startswith("every:") else 0
    return following | ({g for g in range(generations + 1) if g % every == 0} if every else set())


def release(
    store: Store, phases: dict[tuple[int, str], dict], keep: str, generations: int
) -> list[tuple[int, str]]:
    """Note in the store which phases' weights the policy lets go, and return them; the files go afterwards,
    as garbage.
    """
    committed = max((g for g, name in phases if name == "commit"), default=-1)
    if committed < 0:
        return []
    kept = kept_generations(keep, committed, generations)
    gone = [
        (g, name) for (g, name), fields in sorted(phases.items()) if fields["artifacts"] and g not in kept
    ]
    fresh = [(g, name) for g, name in gone if store.get(key(Table.RELEASED, g, name)) is None]
    if fresh:
        store.write([(key(Table.RELEASED, g, name), Record({"keep": keep})) for g, name in fresh])
    return fresh


def named_artifacts(store: Store, phases: dict[tuple[int, str], dict]) -> set[str]:
    """Return the artifacts that a run still needs: of phases whose weights were not let go, and of
    checkpoints.
    """
    names = {
        a
        for (g, name), fields in phases.items()
        if store.get(key(Table.RELEASED, g, name)) is None
        for a in fields["artifacts"].values()
    }
    return names | {record.fields["artifact"] for _, record in store.scan(key(Table.CHECKPOINT))}


def collect(folder: Path, store: Store, phases: dict[tuple[int, str], dict]) -> list[Freed]:
    """Delete every artifact that no row needs, and what a killed write left behind; the caller holds the
    run's lock.
    """
    needed = named_artifacts(store, phases)
    once = {a for fields in phases.values() for a in fields["artifacts"].values()}
    freed = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name in needed:
            continue
        size = (
            sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
            if path.is_dir()
            else path.stat().st_size
        )
        why = (
            "old weights"
            if path.name in once
            else "left by a killed write"
            if path.name.startswith("tmp-")
            else "no row names it"
        )
        if path.is_dir():
            artifacts.remove(folder, path.name)
        else:
            path.unlink()
        freed.append(Freed(path.name, size, why))
    return freed
