"""Models that are whole: libraries make up the weights that files lack, and say so only in their logs."""

from pathlib import Path
from typing import Any

from loopsim.core.errors import DataError


def load_whole(kind: Any, folder: Path, **options: Any) -> Any:
    """Return `kind.from_pretrained(folder, **options)`, from safetensors; `kind` is a class of transformers
    or diffusers.

    Raises DataError if weights of the model are missing in its files, and what the library raises.
    """
    model, info = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **options)
    missing = sorted(info["missing_keys"])
    if missing:
        raise lacking(f"{folder / options.get('subfolder', '')} ({type(model).__name__})", missing)
    return model


def lacking(what: str, missing: list[str]) -> DataError:
    """Return the error of a model whose files lack weights of these names."""
    more = f" and {len(missing) - 1} more" if missing[1:] else ""
    return DataError(
        f"{what} cannot be loaded: {missing[0]}{more} not in its files; take a complete checkpoint, or a "
        "version of the library that knows these weights by their names"
    )
