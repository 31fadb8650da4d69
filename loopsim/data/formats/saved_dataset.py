"""Datasets that the library `datasets` saved (`save_to_disk`): Arrow files, read through memory maps."""

from collections.abc import Iterator

from loopsim.config import SavedDatasetSource
from loopsim.core.errors import DataError
from loopsim.data.formats.reading import (
    BadLabel,
    BadRow,
    Item,
    Reading,
    Values,
    clean_captions,
    labels_of,
)
from loopsim.data.image_ref import ROW, ImageRef
from loopsim.data.saved_rows import open_saved, picture_bytes


def read_saved_dataset(source: SavedDatasetSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each row."""
    rows = open_saved(source.path, source.split, source.image_column)
    for column in (*source.caption_columns, *source.labels.values()):
        if column not in rows.column_names:
            raise DataError(
                f"{source.path} has no column {column!r}; its columns: {', '.join(rows.column_names)}"
            )
    place = f"{source.path}#{source.split}" if source.split else source.path
    for index in range(len(rows)):
        row = rows[index]
        captions = [row[column] for column in source.caption_columns]
        flat = [text for given in captions for text in (given if isinstance(given, list) else [given])]
        try:
            data = picture_bytes(row[source.image_column])
            yield Item(
                str(index),
                ImageRef(place, index, ROW),
                clean_captions(flat),
                labels_of(row, source.labels, values),
                data,
            )
        except (BadLabel, DataError) as error:
            yield BadRow(f"row {index}", str(error))
