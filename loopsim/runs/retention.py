"""Garbage: files that no row names, and old weights that the config's retention lets go."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.core.errors import DataError
from loopsim.core.run_folder import ARTIFACTS, STATE
from loopsim.runs.lock import RunLock
from loopsim.runs.model_links import link_models
from loopsim.runs.stored_config import stored_config
from loopsim.store import artifacts
from loopsim.store.integrity import PhaseKey, finished_phases, released_phases
from loopsim.store.rows import CheckpointRow, PhaseRow, ReleasedRow
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class Freed:
    """One thing that may go, or went: its name, its size in bytes, and why."""

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


def releases(
    phases: Mapping[PhaseKey, PhaseRow], before: Set[PhaseKey], keep: str, generations: int
) -> list[ReleasedRow]:
    """Return the rows that note whose weights the policy lets go, beside those of `before`."""
    committed = max((g for g, name in phases if name == "commit"), default=-1)
    if committed < 0:
        return []
    kept = kept_generations(keep, committed, generations)
    gone = [place for place, row in sorted(phases.items()) if row.artifacts and place[0] not in kept]
    return [ReleasedRow(g, name, keep) for g, name in gone if (g, name) not in before]


def require_kept(store: Store, run: str, generation: int, phase: str) -> None:
    """Raise DataError if the weights that a phase left were let go since."""
    row = store.get(ReleasedRow, generation, phase)
    if row is not None:
        raise DataError(
            f"run {run}: the weights of {phase} of generation {generation} were let go "
            f"(keep = {row.keep!r}); "
            'a run keeps them all with keep = "all" in its config and no `loopsim gc --keep`'
        )


def named_artifacts(
    store: Store, phases: Mapping[PhaseKey, PhaseRow], released: Set[PhaseKey] | None = None
) -> set[str]:
    """Return the artifacts that a run still needs: of phases whose weights were not let go, and of
    checkpoints.
    """
    gone = released_phases(store) if released is None else released
    names = {a for place, row in phases.items() if place not in gone for a in row.artifacts.values()}
    return names | {row.artifact for row in store.scan(CheckpointRow)}


@final
@dataclass(frozen=True)
class Collection:
    """What a collection does: the phases whose weights it lets go, and what it deletes then."""

    releases: Sequence[ReleasedRow]
    garbage: Sequence[Freed]


def plan_collection(folder: Path, store: Store, keep: str, generations: int) -> Collection:
    """Return what `collect` would do; nothing is changed. Links are not followed.

    Raises CorruptRun if the folder of artifacts is itself a link.
    """
    phases, before = finished_phases(store), released_phases(store)
    fresh = releases(phases, before, keep, generations)
    needed = named_artifacts(store, phases, before | {(row.generation, row.phase) for row in fresh})
    once = {a for row in phases.values() for a in row.artifacts.values()}
    artifacts.require_own(folder)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return Collection(fresh, [_garbage(path, once) for path in found if path.name not in needed])


def _garbage(path: Path, once: Set[str]) -> Freed:
    why = (
        "a link"
        if path.is_symlink()
        else "old weights"
        if path.name in once
        else "left by a killed write"
        if path.name.startswith("tmp-")
        else "no row names it"
    )
    return Freed(path.name, _size(path), why)


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(_size(inner) for inner in path.iterdir())


def collect(folder: Path, store: Store, keep: str, generations: int) -> list[Freed]:
    """Let old weights go by a retention, and delete every artifact that no row needs, and what a killed write
    left. Returns what was deleted.

    The caller holds the run's lock. Raises CorruptRun as `plan_collection` does.
    """
    found = plan_collection(folder, store, keep, generations)
    if found.releases:
        store.write(found.releases)  # before their files go: a kill in between leaves garbage, no damage
    for item in found.garbage:
        path = folder / item.name
        if path.is_dir() and not path.is_symlink():
            artifacts.remove(folder, item.name)
        else:
            path.unlink()
    return list(found.garbage)


def plan_collection_of(directory: Path, keep: str | None = None) -> list[Freed]:
    """Return what `collect_run` would delete; the run is only read."""
    with Store(directory / STATE, readonly=True) as store:
        config = stored_config(store, directory)
        found = plan_collection(directory / ARTIFACTS, store, keep or config.keep, config.generations)
        return list(found.garbage)


def collect_run(directory: Path, keep: str | None = None) -> list[Freed]:
    """Free what a run does not need, by its config's retention or another. Returns what was deleted."""
    with RunLock(directory), Store(directory / STATE) as store:
        config = stored_config(store, directory)
        freed = collect(directory / ARTIFACTS, store, keep or config.keep, config.generations)
        link_models(directory, store)
        return freed
