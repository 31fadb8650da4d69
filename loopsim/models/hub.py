"""Models by name: a folder, or an id of the hub, whose files are fetched once and stay at one commit.

Only configs, vocabularies and safetensors are fetched; what was fetched passes the gate like any folder.
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huggingface_hub import constants, snapshot_download
from huggingface_hub.file_download import repo_folder_name

from loopsim.core.errors import DataError
from loopsim.models.gate import check_model_folder, require_safetensors
from loopsim.models.load_errors import first_line

CONFIGS: Final = ("*.json", "*.txt", "*.model", "*.jinja")
_ID: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def model_folder(
    name: str,
    wanted: Sequence[str] = (*CONFIGS, "*.safetensors"),
    unwanted: Sequence[str] = ("*/*",),
) -> Path:
    """Return the folder of a model, checked: the folder itself, or of a hub's id the snapshot, of which the
    files of the patterns `wanted` and not `unwanted` are fetched.

    Raises DataError if there is none, or as `check_model_folder` does.
    """
    folder = Path(name)
    if not folder.is_dir():
        if folder.exists():
            require_safetensors(folder)
            raise DataError(f"{name} is a file of weights; name the folder that has its config, too")
        folder = _snapshot(name, wanted, unwanted)
    check_model_folder(folder)
    return folder


def is_hub_id(name: str) -> bool:
    """Return whether a name could be a hub's owner/name (or one of its old names without an owner)."""
    return _ID.fullmatch(name) is not None and not Path(name).exists()


def near_folder(name: str) -> str:
    """Return, for an error, which folder beside the one that is missing was meant; "" if none is like it."""
    path = Path(name)
    try:
        beside = [other.name for other in path.parent.iterdir() if other.is_dir()]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, beside, 1)
    return f" (did you mean {path.with_name(near[0])}?)" if near else ""


def cached_commit(name: str) -> str | None:
    """Return the commit at which a model of the hub lies in the cache, asking nobody; None if it does not."""
    if not is_hub_id(name):
        return None
    repository = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    try:
        commit = (repository / "refs" / constants.DEFAULT_REVISION).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _snapshot(name: str, wanted: Sequence[str], unwanted: Sequence[str]) -> Path:
    if not is_hub_id(name):
        raise DataError(f"{name}: no such folder{near_folder(name)}, and no hub id (owner/name)")
    try:
        # The commit in the cache, where there is one: a model stays what it was when it was first fetched.
        fetched = snapshot_download(
            name,
            revision=cached_commit(name),
            allow_patterns=list(wanted),
            ignore_patterns=list(unwanted),
        )
    except Exception as error:  # the hub's client raises its transport's errors, too
        raise DataError(
            f"{name}: no such folder{near_folder(name)}, and the hub's {name} cannot be fetched: "
            f"{first_line(error)}"
        ) from error
    return Path(fetched)
