"""FairFace (Kärkkäinen & Joo 2021): faces with gender, race and age; the ages that spreadsheets turned into
dates are read as what they were.
"""

from collections.abc import Iterator
from pathlib import Path

from loopsim.config import FairFaceSource
from loopsim.data.formats.reading import (
    BadLabel,
    BadRow,
    Item,
    Reading,
    Values,
    inside,
    label_of,
    read_rows,
    require,
)
from loopsim.data.image_ref import ImageRef

ATTRIBUTES = ("gender", "race", "age")


def read_fairface(source: FairFaceSource, values: Values) -> Iterator[Reading]:
    """Yield an item, without a caption, for each row of `fairface_label_*.csv`."""
    table, folder = (
        require(Path(source.labels), "table of labels"),
        require(Path(source.images), "folder of pictures"),
    )
    for line, row in read_rows(table, ("file", *ATTRIBUTES)):
        where = f"{table.name}, line {line}"
        path = inside(folder, row["file"]) if row is not None and row.get("file") else None
        if row is None or path is None:
            yield BadRow(where, "no file, or one outside the folder of pictures")
            continue
        try:
            labels = {name: label_of(name, row[name], values) for name in ATTRIBUTES}
        except BadLabel as error:
            yield BadRow(where, str(error))
            continue
        yield Item(
            row["file"],
            ImageRef(str(path)),
            (),
            {name: label for name, label in labels.items() if label is not None},
        )
