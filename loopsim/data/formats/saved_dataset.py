"""Datasets that the library `datasets` saved (`save_to_disk`): Arrow files, read through memory maps."""

from collections.abc import Iterator
from typing import Literal, final

from loopsim.core.errors import DataError
from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.image_ref import ROW, ImageRef
from loopsim.data.reading import BadRow, Item, Reading, UnusableText, Values, labels_of
from loopsim.data.saved_rows import open_saved, picture_bytes
from loopsim.data.tables import TableSource, row_captions


@final
class SavedDatasetSource(TableSource):
    """What `datasets.Dataset.save_to_disk` wrote (needs the package `datasets`)."""

    format: Literal["saved_dataset"]
    path: str
    split: str | None = None
    image_column: str = "image"


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
        try:
            data = picture_bytes(row[source.image_column])
            yield Item(
                str(index),
                ImageRef(place, index, ROW),
                row_captions(row, source.caption_columns),
                labels_of(row, source.labels, values),
                data,
            )
        except (UnusableText, DataError) as error:
            yield BadRow(f"row {index}", str(error))


SAVED_DATASET = CorpusFormat(
    "saved_dataset", SavedDatasetSource, read_saved_dataset, lambda source: source.image_column
)
