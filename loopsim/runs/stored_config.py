"""The config that a run keeps: as JSON in its store, without the place of a manifest that lies beside the
run.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loopsim.config import ResolvedConfig, TrackersConfig
from loopsim.core.errors import CorruptRun
from loopsim.data.survey import manifest_path
from loopsim.store.rows import ConfigRow
from loopsim.store.store import Store
from loopsim.store.tracking_rows import TrackersRow


def stored_config(store: Store, directory: Path) -> ResolvedConfig:
    """Return the config that a run keeps. Raises CorruptRun if it has none, or one that this loopsim cannot
    read.
    """
    row = store.get(ConfigRow)
    if row is None:
        raise CorruptRun(f"run {directory} has no config: `loopsim verify` says what is wrong with it")
    config, followed = config_of_tree(row.tree, directory), store.get(TrackersRow)
    return (
        config if followed is None else config.model_copy(update={"trackers": _trackers(followed, directory)})
    )


def _trackers(row: TrackersRow, directory: Path) -> TrackersConfig:
    try:
        return TrackersConfig.model_validate(row.tree)
    except ValidationError as error:
        raise CorruptRun(
            f"run {directory.name}: its trackers cannot be read; it was made by another loopsim"
        ) from error


def config_of_tree(tree: Mapping[str, Any], directory: Path) -> ResolvedConfig:
    """Return the config of a kept tree, with the manifest's default place filled in."""
    try:
        config = ResolvedConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise CorruptRun(
            f"run {directory.name}: its config cannot be read ({key}: {first['msg']}); it was made by "
            "another loopsim"
        ) from error
    if config.data.manifest is None and config.data.train is not None:
        manifest = str(manifest_path(config.data, directory.parent))
        return config.model_copy(update={"data": config.data.model_copy(update={"manifest": manifest})})
    return config


def tree_of_config(config: ResolvedConfig, directory: Path) -> dict[str, Any]:
    """Return what is kept of a config; a manifest in its default place is left out: a run may move with its
    folder. So are the trackers, which have a row of their own: they may change.
    """
    default = str(manifest_path(config.data.model_copy(update={"manifest": None}), directory.parent))
    if config.data.manifest == default:
        config = config.model_copy(update={"data": config.data.model_copy(update={"manifest": None})})
    return config.model_dump(mode="json", exclude={"trackers"})


def not_found_here(config: ResolvedConfig) -> str:
    """Return, for the end of an error, which paths of a run's config lead nowhere from the current folder; ""
    if all are there.

    A run keeps paths as they were written, so that its digest is the same wherever it is made; relative ones
    start at the folder in which loopsim is called.
    """
    tree = config.model_dump(mode="json", exclude={"classifier": {"prompts", "renames", "nobody"}})
    missing = [
        f"{key} = {value!r}"
        for key, value in _texts(tree)
        if os.sep in value and not os.path.exists(value.removeprefix("local-dir:"))
    ]
    if not missing:
        return ""
    return f". From {Path.cwd()} there is no {', '.join(missing)}: go to the folder where the run was begun"


def _texts(tree: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield key, tree
    elif isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _texts(value, f"{key}.{name}".lstrip("."))
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _texts(value, key)
