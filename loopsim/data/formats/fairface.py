"""FairFace (Kärkkäinen & Joo 2021): faces with gender, race and age; the ages that spreadsheets turned into
dates are read as what they were.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, final

from loopsim.config import Section
from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.image_ref import ImageRef
from loopsim.data.paths import inside, require, require_folder
from loopsim.data.reading import BadRow, Item, Reading, UnusableText, Values, label_of
from loopsim.data.tables import read_rows

ATTRIBUTES = ("gender", "race", "age")


@final
class FairFaceSource(Section):
    """FairFace: `fairface_label_train.csv` (file, age, gender, race, service_test) and the folder that its
    `file` column starts from.
    """

    format: Literal["fairface"]
    labels: str
    images: str


def read_fairface(source: FairFaceSource, values: Values) -> Iterator[Reading]:
    """Yield an item, without a caption, for each row of `fairface_label_*.csv`."""
    table, folder = (
        require(Path(source.labels), "table of labels"),
        require_folder(Path(source.images), "folder of pictures"),
    )
    for line, row in read_rows(table, ("file", *ATTRIBUTES)):
        where = f"{table.name}, line {line}"
        name = row["file"] if row is not None else None
        path = inside(folder, name) if isinstance(name, str) else None
        if row is None or not isinstance(name, str) or path is None:
            yield BadRow(where, "no file, or one outside the folder of pictures")
            continue
        try:
            labels = {name: label_of(name, row[name], values) for name in ATTRIBUTES}
        except UnusableText as error:
            yield BadRow(where, str(error))
            continue
        yield Item(
            path.relative_to(folder).as_posix(),
            ImageRef(str(path)),
            (),
            {name: label for name, label in labels.items() if label is not None},
        )


FAIRFACE = CorpusFormat("fairface", FairFaceSource, read_fairface)
