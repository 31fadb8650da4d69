"""A plain folder of pictures with a table (CSV or JSONL) of captions and labels; several rows of one picture
are its several captions.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, final

from loopsim.core.errors import DataError
from loopsim.core.text import printable
from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.image_ref import ImageRef
from loopsim.data.paths import inside, lies_in, require, require_folder
from loopsim.data.reading import BadRow, Item, Reading, UnusableText, Values, labels_of
from loopsim.data.tables import TableSource, read_rows, row_captions

TABLES = (".csv", ".jsonl", ".ndjson")


@final
class FolderSource(TableSource):
    """A folder of pictures, and a CSV or JSONL file (`table`; default: the only one in the folder) with a row
    for each picture or caption.
    """

    format: Literal["folder"]
    path: str
    table: str | None = None


def find_table(folder: Path, name: str | None) -> Path:
    """Return the folder's table. Raises DataError if it is missing or, without a name, not the only one."""
    if name is not None:
        within = not Path(name).is_absolute() and os.path.exists(folder / name)
        return require(folder / name if within else Path(name), "table of captions")
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}") from error
    if len(found) != 1:
        names = printable(", ".join(path.name[:60] for path in found[:20])) or "none"
        raise DataError(
            f"{folder}: expected one table of captions (.csv or .jsonl), found {names}; name it: table = "
            '"captions.csv"'
        )
    if not lies_in(folder, found[0]):
        raise DataError(
            f"{printable(str(found[0]))} is a link out of the folder; name what it leads to: table"
        )
    return found[0]


def read_folder(source: FolderSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each row of the table."""
    folder = require_folder(Path(source.path), "folder of pictures")
    table = find_table(folder, source.table)
    columns = [source.image_column, *source.caption_columns, *source.labels.values()]
    for line, row in read_rows(table, columns):
        where = f"{table.name}, line {line}"
        name = row.get(source.image_column) if row is not None else None
        if row is None or not isinstance(name, str) or not name.strip():
            yield BadRow(where, "the line cannot be read" if row is None else f"no {source.image_column}")
            continue
        path = inside(folder, name.strip())
        if path is None:
            yield BadRow(where, f"{name[:80]!r} leads out of the folder, by its name or as a link")
            continue
        try:
            captions = row_captions(row, source.caption_columns)
            key = path.relative_to(folder).as_posix()  # one, however a table spells it
            yield Item(key, ImageRef(str(path)), captions, labels_of(row, source.labels, values))
        except UnusableText as error:
            yield BadRow(where, str(error))


FOLDER = CorpusFormat("folder", FolderSource, read_folder)
