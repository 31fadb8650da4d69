"""Rows of a dataset that the library `datasets` saved (`save_to_disk`): Arrow files, read through memory
maps.
"""

import os
from pathlib import Path
from typing import Any

from loopsim.core.errors import DataError
from loopsim.data.paths import require


def open_saved(path: str, split: str | None, image_column: str) -> Any:
    """Return a saved dataset (one split of a DatasetDict) whose pictures stay encoded. Raises DataError."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            'format = "saved_dataset" needs the package datasets: pip install "loopsim[datasets]"'
        ) from error
    folder, _, inner = path.partition("#")
    try:
        found = datasets.load_from_disk(str(require(Path(folder), "saved dataset")))
    except (FileNotFoundError, ValueError, OSError) as error:
        raise DataError(f"{folder}: not a dataset that `save_to_disk` wrote ({error})") from error
    split = split or inner or None
    if isinstance(found, datasets.DatasetDict):
        if split not in found:
            raise DataError(
                f'{folder} has the splits {", ".join(found)}; name one: split = "{next(iter(found))}"'
            )
        found = found[split]
    if image_column not in found.column_names:
        raise DataError(
            f"{folder} has no column {image_column!r}; its columns: {', '.join(found.column_names)}"
        )
    return found.cast_column(image_column, datasets.Image(decode=False))


def picture_bytes(value: Any) -> bytes:
    """Return the bytes of an undecoded picture: embedded, or in the file that it names. Raises DataError if
    it has neither.
    """
    data = value.get("bytes") if isinstance(value, dict) else None
    if isinstance(data, bytes) and data:
        return data
    path = value.get("path") if isinstance(value, dict) else None
    if path and os.path.isfile(path):
        return Path(path).read_bytes()
    raise DataError(f"a row of the saved dataset has no picture (path {path!r})")
