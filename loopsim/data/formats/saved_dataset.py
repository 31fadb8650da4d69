"""Datasets that the library `datasets` saved (`save_to_disk`): Arrow files, in which pictures are found again
by their place.
"""

from collections.abc import Iterator
from typing import Literal, final

from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.reading import BadRow, Item, Reading, UnusableText, Values, labels_of
from loopsim.data.saved_rows import saved_rows
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
    columns = dict.fromkeys((*source.caption_columns, *source.labels.values()))
    rows = saved_rows(source.path, source.split, source.image_column, tuple(columns))
    for index, found in enumerate(rows):
        where = f"row {index}"
        if isinstance(found, str):
            yield BadRow(where, found)
            continue
        row, place = found
        if isinstance(place, str):
            yield BadRow(where, place)
            continue
        try:
            captions = row_captions(row, source.caption_columns)
            yield Item(str(index), place, captions, labels_of(row, source.labels, values))
        except UnusableText as error:
            yield BadRow(where, str(error))


SAVED_DATASET = CorpusFormat("saved_dataset", SavedDatasetSource, read_saved_dataset)
