"""Branching a run: the generations before a point are shared, what follows is simulated anew under another
config.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from loopsim.config import Config, Section, override_config
from loopsim.context.phase_names import PREPARE
from loopsim.core.errors import ConfigError, RunExists, RunMismatch
from loopsim.core.run_folder import ARTIFACTS, STATE
from loopsim.runs.open import followers, meta_rows, new_directory
from loopsim.runs.resolve import resolve
from loopsim.runs.stored_config import stored_config, tree_of_config
from loopsim.store.artifacts import locate
from loopsim.store.integrity import finished_phases, released_phases
from loopsim.store.keys import Key
from loopsim.store.notes import NoteRow
from loopsim.store.row import MetaRow, Row
from loopsim.store.rows import (
    AddedReplicateRow,
    AttemptRow,
    BaseWeightsRow,
    CheckpointRow,
    PastEntry,
    PastRow,
    PhaseRow,
    ReplicateAuditRow,
    ReplicateRow,
)
from loopsim.store.store import Store
from loopsim.store.tracking_rows import TrackedRow, TrackersRow

# What may differ from the branching point on. The ruler (data, evaluation, classifier, encoder) and the seed
# stay: else nothing could be compared.
CHANGEABLE = (
    "generations", "checkpoint_seconds", "keep", "num_threads", "compose", "generator", "clip", "captioner",
    "finetune", "generate", "interventions", "device",
    "trackers",
)  # fmt: skip


def fork_run(source: Path, target: Path, at: int, overrides: Iterable[str]) -> None:
    """Make a run in `target` that shares the generations before `at` with `source`, and goes on from there
    with the config as overridden.

    Artifacts are hard links where the file system has them. Raises RunMismatch if those generations are not
    finished, ConfigError for an override of what must stay, RunExists if the target is taken.
    """
    with Store(source / STATE, readonly=True) as store:
        before, phases = stored_config(store, source), finished_phases(store)
        missing = [g for g in range(at) if (g, "commit") not in phases]
        if at < 1 or missing:
            raise RunMismatch(
                f"run {source.name} cannot be forked at generation {at}: generation "
                f"{missing[0] if missing else 0} is not finished there"
            )
        config = override_config(before, overrides)
        changed = [
            name
            for name in Config.model_fields
            if name not in CHANGEABLE and _plain(getattr(config, name)) != _plain(getattr(before, name))
        ]
        if changed:
            raise ConfigError(
                f"a fork may not change {', '.join(changed)}: what is measured must stay; it may change "
                f"{', '.join(CHANGEABLE)}"
            )
        if config.generations < at:
            raise ConfigError(f"generations = {config.generations} ends before the fork at {at}")
        resolved = resolve(config, source.parent)
        old, past = store.get(BaseWeightsRow), store.get(PastRow)
        assert old is not None, "written when the run was created"
        entry = PastEntry(at, tree_of_config(before, source), old.hash)
        meta = [
            *meta_rows(resolved, target),
            PastRow([*(past.entries if past else []), entry]),
        ]
        if target.exists() and any(target.iterdir()):
            if _is_untouched(target, meta):
                return  # made by this very command, which was killed before it could say so
            raise RunExists(f"{target} exists already; choose another --name")
        released = released_phases(store)
        shared = [
            row for place, row in phases.items() if place not in released and _is_shared(PhaseRow, place, at)
        ]
        with new_directory(target) as place:
            (place / ARTIFACTS).mkdir()
            for name in sorted({name for row in shared for name in row.artifacts.values()}):
                _link_folder(locate(source / ARTIFACTS, name), place / ARTIFACTS / name)
            with Store(place / STATE, create=True) as new:
                more = [*meta, *followers(resolved)]
                new.copy_from(store, lambda kind, key: _is_shared(kind, key, at), more)


def _is_untouched(target: Path, meta: Iterable[MetaRow]) -> bool:
    """Return whether a run is there that was made of the same rows, and was never worked on."""
    if not (target / STATE).exists():
        return False
    with Store(target / STATE, readonly=True) as store:
        return not store.count(AttemptRow) and all(store.get(type(row)) == row for row in meta)


def _plain(value: object) -> object:
    """Return a section as JSON: one that is resolved equals one that says the same."""
    return value.model_dump(mode="json") if isinstance(value, Section) else value


def _is_shared(kind: type[Row], key: Key, at: int) -> bool:
    """Return whether a row is of the generations before `at`. S_at is drawn anew: it belongs to the
    generation that it is made for.
    """
    if issubclass(kind, MetaRow) or kind in (AttemptRow, CheckpointRow, TrackersRow, TrackedRow, NoteRow):
        return False
    if kind in (ReplicateRow, AddedReplicateRow, ReplicateAuditRow):
        return True
    makes_next = {(PhaseRow, at - 1, name) for name in (PREPARE, "generate")}
    return int(key[0]) < at and (kind, *key) not in makes_next


def _link_folder(source: Path, target: Path) -> None:
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, copy)
        except OSError:
            shutil.copyfile(path, copy)
