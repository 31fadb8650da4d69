"""Weights that come from outside: safetensors only. A pickle can run any program when it is read, so it is
refused, with the way out.
"""

from pathlib import Path

from safetensors import SafetensorError

from loopsim.core.errors import DataError

# What the libraries raise for weights that are missing, cut short, of other shapes or of another kind.
LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".msgpack", ".h5")


def refuse_pickles(path: Path, expected: str = "*.safetensors") -> None:
    """Raise DataError if `path` is a pickle, or a folder that has pickled weights and no safetensors at
    all.
    """
    if path.suffix in PICKLES and not path.is_dir():
        raise DataError(
            f"{path} is a pickle, which can run any program when it is read. Where you trust it, convert it "
            'once: python -c "import torch; '
            f"from safetensors.torch import save_file; w = torch.load('{path.name}', weights_only=True); "
            f"save_file(w.get('state_dict', w), '{path.stem}.safetensors')\""
        )
    if not path.is_dir():
        return
    for folder in (path, *(p for p in path.iterdir() if p.is_dir())):
        files = [file for file in folder.iterdir() if file.is_file()]
        pickles = [
            file
            for file in files
            if file.suffix in PICKLES and file.stem not in ("training_args", "optimizer", "scheduler")
        ]
        if pickles and not any(file.suffix == ".safetensors" for file in files):
            raise DataError(
                f"{pickles[0]} is a pickle, which can run any program when it is read; {folder} has no "
                f"{expected}. On a machine where you trust it, "
                "convert it once with the library that wrote it: model = Class.from_pretrained(folder, "
                "use_safetensors=False); "
                "model.save_pretrained(new_folder, safe_serialization=True)"
            )


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
