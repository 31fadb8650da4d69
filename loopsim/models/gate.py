"""The one gate for models that come from outside: what a folder holds is checked before any library opens it.

A library that opens a folder may import, fetch or unpickle what the folder's files name. Here a file is
weights in safetensors, a config that `config_rules.py` knows to select no code, or one of the kinds that
nothing runs; everything else is refused, with the way out.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from loopsim.core.errors import DataError
from loopsim.models.config_rules import problems_of, problems_of_metadata

PICKLES: Final = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".msgpack", ".h5")
WEIGHTS: Final = ".safetensors"
# What may lie beside weights and configs: vocabularies, texts, pictures, and formats that nothing here opens.
HARMLESS: Final = frozenset(
    " .txt .model .bpe .spm .tiktoken .vocab .jinja .md .rst .csv .tsv .yaml .yml .png .jpg .jpeg .gif .webp "
    ".svg .pdf .onnx .onnx_data .ot .tflite .gguf .log .lock .metadata".split(" ")
)
UNREAD_FOLDERS: Final = frozenset((".git", ".cache"))  # of tools that fetch models; no library opens them
BOOKKEEPING: Final = ("training_args", "optimizer", "scheduler")  # pickles of trainers, which nothing reads
MAX_CONFIG_BYTES: Final = 64_000_000  # the largest vocabularies have 35 MB
MAX_DEPTH: Final = 64
MAX_HEADER_BYTES: Final = 100_000_000  # safetensors' own bound


def check_model_folder(folder: Path) -> None:
    """Raise DataError, naming file and key, unless the folder of a model holds nothing that could run: no
    program, no config that selects code, no pickle instead of weights, nothing that leads out of it.

    Reads configs whole and of weights the headers; opens regular files only, and no library. A snapshot in a
    hub's cache may link to the cache's own blobs.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise DataError(f"{folder}: no such folder of a model")
    for directory, files in _walk(root, _places(root), folder):
        for file in files:
            check_file(file)
        _require_weights_beside_pickles(directory, files)


def check_file(path: Path) -> None:
    """Raise DataError unless a file of a model is weights or a config that select no code, or harmless."""
    kind = path.suffix.lower()
    if kind == ".json":
        content = read_json(path)
        problem = next(problems_of(path.name, content), None)
    elif kind == WEIGHTS:
        problem = next(problems_of_metadata(_metadata(path)), None)
    elif kind in PICKLES or kind in HARMLESS:
        problem = None
    else:
        problem = "not a kind of file that a model is made of; it may run, or be run"
    if problem is not None:
        raise DataError(
            f"{path}: {problem}. loopsim runs no code that comes with a model; take it out, or use a model "
            "that needs none"
        )


def require_safetensors(path: Path) -> None:
    """Raise DataError unless a file of weights is safetensors that says nothing that could run."""
    if path.suffix in PICKLES:
        raise DataError(
            f"{path} is a pickle, which can run any program when it is read. Where you trust it, convert it "
            'once: python -c "import torch; '
            f"from safetensors.torch import save_file; w = torch.load('{path.name}', weights_only=True); "
            f"save_file(w.get('state_dict', w), '{path.stem}.safetensors')\""
        )
    if path.suffix != WEIGHTS or not path.is_file():
        raise DataError(f"{path}: not a file of weights in safetensors, and loopsim opens no other")
    check_file(path)


def read_json(path: Path) -> Any:
    """Return the tree of a JSON file. Raises DataError if it is no regular file, too large, nested too deep
    or no JSON.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise DataError(f"{path}: {path.stat().st_size} bytes, and no config has {MAX_CONFIG_BYTES}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise DataError(f"{path}: nested deeper than {MAX_DEPTH}, as no config is") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is no JSON: {str(error)[:200]}") from error
    if _depth_exceeds(content, MAX_DEPTH):
        raise DataError(f"{path}: nested deeper than {MAX_DEPTH}, as no config is")
    return content


def _depth_exceeds(tree: Any, limit: int) -> bool:
    level = [tree] if isinstance(tree, dict | list) else []
    for _ in range(limit):
        nodes = [node.values() if isinstance(node, dict) else node for node in level]
        level = [child for node in nodes for child in node if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _places(root: Path) -> tuple[Path, ...]:
    """Return where a folder's links may lead: into itself, and from a hub's snapshot to the cache's blobs."""
    in_cache = root.parent.name == "snapshots" and root.parents[1].name.startswith("models--")
    return (root, root.parents[1] / "blobs") if in_cache else (root,)


def _walk(root: Path, places: tuple[Path, ...], shown: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder with its regular files; `shown` is the root as the user names it."""
    pending = [root]
    while pending:
        directory, files = pending.pop(), []
        for path in _entries(directory):
            name = shown / path.relative_to(root)
            target, mode = _target(path, name)
            if path.is_symlink() and (
                stat.S_ISDIR(mode) or not any(target.is_relative_to(place) for place in places)
            ):
                raise DataError(
                    f"{name}: a link out of the model's folder, to {target}; put in its place what it "
                    "leads to"
                )
            if stat.S_ISDIR(mode):
                if path.name not in UNREAD_FOLDERS:
                    pending.append(path)
            elif stat.S_ISREG(mode):
                files.append(name)
            else:
                raise DataError(f"{name}: neither a file nor a folder, and no model has such a thing in it")
        yield shown / directory.relative_to(root), files


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise DataError(f"{directory} cannot be read: {error.strerror}") from error


def _target(path: Path, name: Path) -> tuple[Path, int]:
    """Return what a path leads to in the end, and the mode of that."""
    try:
        target = path.resolve(strict=True)
        return target, target.lstat().st_mode
    except (OSError, RuntimeError) as error:  # a loop of links is one or the other, by Python's version
        raise DataError(f"{name}: leads to nothing that can be read ({error})") from error


def _require_weights_beside_pickles(directory: Path, files: list[Path]) -> None:
    pickles = [file for file in files if file.suffix in PICKLES and file.stem not in BOOKKEEPING]
    if pickles and not any(file.suffix == WEIGHTS for file in files):
        raise DataError(
            f"{pickles[0]} is a pickle, which can run any program when it is read; {directory} has no "
            "*.safetensors. On a machine where you trust it, "
            "convert it once with the library that wrote it: model = Class.from_pretrained(folder, "
            "use_safetensors=False); "
            "model.save_pretrained(new_folder, safe_serialization=True)"
        )


def _metadata(path: Path) -> Any:
    """Return what a safetensors file says of itself; nothing for a broken one, which its library refuses."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > min(MAX_HEADER_BYTES, path.stat().st_size):
            return None
        try:
            header = json.loads(file.read(size))
        except (ValueError, RecursionError):
            return None
    return header.get("__metadata__") if isinstance(header, dict) else None
