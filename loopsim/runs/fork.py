"""Branching a run: the generations before a point are shared, what follows is simulated anew under another
config.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from loopsim.config import Config, override_config
from loopsim.context.context import ARTIFACTS, STATE
from loopsim.core.errors import ConfigError, RunExists, RunMismatch
from loopsim.models.base_weights import fingerprint_of_parts, weights_folder
from loopsim.runs.lock import RunLock
from loopsim.runs.resolve import settle
from loopsim.runs.run import finished_phases, kept_config, stored_config
from loopsim.store.keys import Table, key, parts_of, table_of
from loopsim.store.store import Record, Row, Store

# What may differ from the branching point on. The ruler (data, evaluation, classifier, encoder) and the seed
# stay: else nothing could be compared.
CHANGEABLE = (
    "generations",
    "checkpoint_seconds",
    "keep",
    "num_threads",
    "compose",
    "generator",
    "clip",
    "captioner",
    "finetune",
    "generate",
    "device",
)


def fork_run(source: Path, target: Path, at: int, overrides: Iterable[str]) -> Config:
    """Make a run in `target` that shares the generations before `at` with `source`, and goes on from there
    with the config as overridden.

    Artifacts are hard links where the file system has them. Raises RunMismatch if those generations are not
    finished, ConfigError for an override of what must stay, RunExists if the target is taken.
    """
    if target.exists() and any(target.iterdir()):
        raise RunExists(f"{target} exists already; choose another --name")
    with Store(source / STATE, readonly=True) as store:
        before = stored_config(store, source)
        phases = finished_phases(store)
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
            if getattr(config, name) != getattr(before, name) and name not in CHANGEABLE
        ]
        if changed:
            raise ConfigError(
                f"a fork may not change {', '.join(changed)}: what is measured must stay; it may change "
                f"{', '.join(CHANGEABLE)}"
            )
        if config.generations < at:
            raise ConfigError(f"generations = {config.generations} ends before the fork at {at}")
        config = settle(config, source.parent)
        parts = {"hash": fingerprint_of_parts(config, weights_folder(config))}
        rows = list(_shared(store, at))
        past = store.get(key(Table.META, "past"))
        old = store.get(key(Table.META, "weights"))
        assert old is not None, "written when the run was created"
        entry = {"until": at, "config": kept_config(before, source).fields, "weights": old.fields}
        history = [*(past.fields["entries"] if past else []), entry]
        released = {(int(parts_of(k)[0]), str(parts_of(k)[1])) for k in store.keys(key(Table.RELEASED))}
        names = {
            a
            for (g, name), fields in phases.items()
            if g < at and (g, name) not in released
            for a in fields["artifacts"].values()
        }
    target.mkdir(parents=True, exist_ok=True)
    lock = RunLock(target)
    try:
        (target / ARTIFACTS).mkdir(exist_ok=True)
        for name in sorted(names):
            _link_folder(source / ARTIFACTS / name, target / ARTIFACTS / name)
        with Store(target / STATE, create=True) as new:
            meta = [
                (key(Table.META, "past"), Record({"entries": history})),
                (key(Table.META, "weights"), Record(parts)),
                (key(Table.META, "config"), kept_config(config, target)),
            ]
            new.write([*rows, *meta])
    finally:
        lock.release()
    return config


def _shared(store: Store, at: int) -> Iterable[Row]:
    """Yield the rows of the generations before `at`. S_at is drawn anew: it belongs to the generation that it
    is made for.
    """
    for raw_key, record in store.scan(b""):
        table, parts = table_of(raw_key), parts_of(raw_key)
        if table in (Table.ATTEMPT, Table.CHECKPOINT):
            continue
        if table is Table.META:
            if parts[0] == "manifest":
                yield raw_key, record
        elif table in (Table.REPLICATE, Table.REPLICATE_AUDIT) or (
            int(parts[0]) < at and (table, *parts) != (Table.PHASE, at - 1, "generate")
        ):
            yield raw_key, record


def _link_folder(source: Path, target: Path) -> None:
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, copy)
        except OSError:
            shutil.copyfile(path, copy)
