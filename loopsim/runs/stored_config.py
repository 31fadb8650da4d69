"""The config that a run keeps: as JSON in its store, without the place of a manifest that lies beside the
run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loopsim.config import ResolvedConfig
from loopsim.core.errors import CorruptRun
from loopsim.data.survey import manifest_path
from loopsim.store.rows import ConfigRow
from loopsim.store.store import Store


def stored_config(store: Store, directory: Path) -> ResolvedConfig:
    """Return the config that a run keeps. Raises CorruptRun if it has none, or one that this loopsim cannot
    read.
    """
    row = store.get(ConfigRow)
    if row is None:
        raise CorruptRun(f"run {directory} has no config: `loopsim verify` says what is wrong with it")
    return config_of_tree(row.tree, directory)


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
    folder.
    """
    default = str(manifest_path(config.data.model_copy(update={"manifest": None}), directory.parent))
    if config.data.manifest == default:
        config = config.model_copy(update={"data": config.data.model_copy(update={"manifest": None})})
    return config.model_dump(mode="json")
