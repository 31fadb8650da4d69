"""A plain folder of pictures with a table (CSV or JSONL) of captions and labels; several rows of one picture
are its several captions.
"""

from collections.abc import Iterator
from pathlib import Path

from loopsim.config import FolderSource
from loopsim.core.errors import DataError
from loopsim.data.formats.reading import (
    BadLabel,
    BadRow,
    Item,
    Reading,
    Values,
    clean_captions,
    inside,
    labels_of,
    read_rows,
    require,
)
from loopsim.data.image_ref import ImageRef

TABLES = (".csv", ".jsonl", ".ndjson")


def find_table(folder: Path, name: str | None) -> Path:
    """Return the folder's table. Raises DataError if it is missing or, without a name, not the only one."""
    if name is not None:
        return require(
            folder / name if not Path(name).is_absolute() and (folder / name).exists() else Path(name),
            "table of captions",
        )
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(
            f"{folder}: expected one table of captions (.csv or .jsonl), found {names}; name it: table = "
            '"captions.csv"'
        )
    return found[0]


def read_folder(source: FolderSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each row of the table."""
    folder = require(Path(source.path), "folder of pictures")
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
            yield BadRow(where, f"{name[:80]!r} leads out of the folder")
            continue
        try:
            captions = [row.get(column) for column in source.caption_columns]
            flat = [text for given in captions for text in (given if isinstance(given, list) else [given])]
            yield Item(
                name.strip(), ImageRef(str(path)), clean_captions(flat), labels_of(row, source.labels, values)
            )
        except BadLabel as error:
            yield BadRow(where, str(error))
