"""Datasets that the library `datasets` saved (`save_to_disk`): Arrow files, read through memory maps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loopsim.config import SavedDatasetSource
from loopsim.data.items import BadLabel, BadRow, Item, Reading, Values, clean_captions, is_file, labels_of, require
from loopsim.data.pictures import ROW, Place
from loopsim.errors import DataError


def open_saved(path: str, split: str | None, image_column: str) -> Any:
    """Return a saved dataset (one split of a DatasetDict) whose pictures stay encoded. Raises DataError."""
    try:
        import datasets
    except ImportError as error:
        raise DataError('format = "saved_dataset" needs the package datasets: pip install "loopsim[datasets]"') from error
    folder, _, inner = path.partition("#")
    try:
        found = datasets.load_from_disk(str(require(Path(folder), "saved dataset")))
    except (FileNotFoundError, ValueError, OSError) as error:
        raise DataError(f"{folder}: not a dataset that `save_to_disk` wrote ({error})") from error
    split = split or inner or None
    if isinstance(found, datasets.DatasetDict):
        if split not in found:
            raise DataError(f'{folder} has the splits {", ".join(found)}; name one: split = "{next(iter(found))}"')
        found = found[split]
    if image_column not in found.column_names:
        raise DataError(f"{folder} has no column {image_column!r}; its columns: {', '.join(found.column_names)}")
    return found.cast_column(image_column, datasets.Image(decode=False))


def picture_bytes(value: Any) -> bytes:
    """Return the bytes of an undecoded picture: embedded, or in the file that it names. Raises DataError if it has neither."""
    if isinstance(value, dict) and value.get("bytes"):
        return value["bytes"]
    path = value.get("path") if isinstance(value, dict) else None
    if path and is_file(path):
        return Path(path).read_bytes()
    raise DataError(f"a row of the saved dataset has no picture (path {path!r})")


def read_saved_dataset(source: SavedDatasetSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each row."""
    rows = open_saved(source.path, source.split, source.image_column)
    for column in (*source.caption_columns, *source.labels.values()):
        if column not in rows.column_names:
            raise DataError(f"{source.path} has no column {column!r}; its columns: {', '.join(rows.column_names)}")
    place = f"{source.path}#{source.split}" if source.split else source.path
    for index in range(len(rows)):
        row = rows[index]
        captions = [row[column] for column in source.caption_columns]
        flat = [text for given in captions for text in (given if isinstance(given, list) else [given])]
        try:
            data = picture_bytes(row[source.image_column])
            yield Item(str(index), Place(place, index, ROW), clean_captions(flat), labels_of(row, source.labels, values), data)
        except (BadLabel, DataError) as error:
            yield BadRow(f"row {index}", str(error))
