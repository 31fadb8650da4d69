"""Rows of a dataset that the library `datasets` saved (`save_to_disk`), read from its Arrow files themselves:
the library would follow what the dataset's own JSON says, to any file and into any package.
"""

import json
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from loopsim.core.errors import DataError
from loopsim.core.text import printable
from loopsim.data.image_ref import ImageRef
from loopsim.data.images import MAX_BYTES
from loopsim.data.paths import inside, is_file, open_plain, read_bytes, require_folder

MAX_STATE_BYTES, MAX_TEXT_BYTES = 10_000_000, 1_000_000
Row = tuple[dict[str, Any], ImageRef | str]  # columns; where the picture's bytes lie, or why there are none


def saved_rows(
    path: str, split: str | None, image_column: str, columns: Sequence[str]
) -> Iterator[Row | str]:
    """Yield the rows of a saved dataset (one split of a DatasetDict), or why one cannot be read. Raises
    DataError unless it is a saved dataset with these columns.
    """
    try:
        import pyarrow as arrow
        import pyarrow.compute
    except ImportError as error:
        raise DataError(
            'format = "saved_dataset" needs the package datasets: pip install "loopsim[datasets]"'
        ) from error
    folder = _split_folder(require_folder(Path(path), "saved dataset"), split)
    for file in _arrow_files(folder):
        try:
            yield from _file_rows(arrow, folder, file, image_column, columns)
        except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(
                f"{file}: not an Arrow file that `save_to_disk` wrote ({_short(error)})"
            ) from error


def _split_folder(folder: Path, split: str | None) -> Path:
    if not is_file(folder / "dataset_dict.json"):
        return folder
    splits = _state(folder, "dataset_dict.json").get("splits")
    if not isinstance(splits, list) or not splits or not all(isinstance(name, str) for name in splits):
        raise DataError(f"{folder / 'dataset_dict.json'}: names no splits; not what `save_to_disk` wrote")
    if split is None or split not in splits:
        shown = printable(", ".join(name[:40] for name in splits[:20]))
        first = printable(splits[0][:40])
        raise DataError(f'{folder} has the splits {shown}; name one: split = "{first}"')
    found = inside(folder, split)
    if found is None:
        raise DataError(f"{folder}: the split {split!r} leads out of it")
    return require_folder(found, "split of a saved dataset")


def _state(folder: Path, name: str) -> dict[str, Any]:
    path = inside(folder, name)
    if path is None:
        raise DataError(f"{folder / name} is a link out of the dataset")
    try:
        found = json.loads(read_bytes(path, "saved dataset", MAX_STATE_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({_short(error)})") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: not what `save_to_disk` wrote")
    return found


def _arrow_files(folder: Path) -> list[Path]:
    state = _state(folder, "state.json")
    entries = state.get("_data_files")
    if not isinstance(entries, list) or state.get("_indices_data_files"):
        raise DataError(f"{folder / 'state.json'}: not what `save_to_disk` of datasets 4 or later writes")
    found = []
    for entry in entries:
        name = entry.get("filename") if isinstance(entry, dict) else None
        path = inside(folder, name) if isinstance(name, str) else None
        if path is None:
            raise DataError(f"{folder / 'state.json'}: names a file outside of the dataset, or none")
        found.append(path)
    return found


def _file_rows(
    arrow: Any, folder: Path, path: Path, image_column: str, columns: Sequence[str]
) -> Iterator[Row | str]:
    with os.fdopen(open_plain(path), "rb") as file:
        # Its last reader closes the map: rows' bytes are never copied, so that a file of any size fits.
        whole = arrow.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    messages = arrow.ipc.MessageReader.open_stream(arrow.BufferReader(whole))
    try:
        schema = arrow.ipc.read_schema(messages.read_next_message())
    except StopIteration:
        raise DataError(f"{path}: empty, not an Arrow file that `save_to_disk` wrote") from None
    _check_schema(arrow, folder, schema, image_column, columns)
    for message in messages:
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise DataError(f"{path}: has compressed or shared columns, which `save_to_disk` does not write")
        batch = arrow.ipc.read_record_batch(message, schema)
        batch.validate(full=True)
        places = _places(arrow, folder, path, whole, batch.column(image_column))
        texts = {name: batch.column(name) for name in columns}
        for index, place in enumerate(places):
            if any(column.slice(index, 1).nbytes > MAX_TEXT_BYTES for column in texts.values()):
                yield f"a text of more than {MAX_TEXT_BYTES / 1e6:.0f} MB"
            else:
                yield {name: column[index].as_py() for name, column in texts.items()}, place


def _check_schema(arrow: Any, folder: Path, schema: Any, image_column: str, columns: Sequence[str]) -> None:
    for column in (image_column, *columns):
        if schema.names.count(column) != 1:
            shown = printable(", ".join(name[:40] for name in schema.names[:20]))
            raise DataError(f"{folder} has no column {column!r}, or several; its columns: {shown}")
    kind = schema.field(image_column).type
    names = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
    if not arrow.types.is_struct(kind) or not {"bytes", "path"} <= names.keys():
        raise DataError(f"{folder}: the column {image_column!r} holds no pictures (datasets.Image)")
    if names["bytes"] not in (arrow.binary(), arrow.large_binary(), arrow.null()):
        raise DataError(f"{folder}: the column {image_column!r} holds no pictures' bytes")


def _places(arrow: Any, folder: Path, path: Path, whole: Any, pictures: Any) -> Iterator[ImageRef | str]:
    """Yield where each picture's bytes lie: in the Arrow file, or in a file of the dataset that it names."""
    content, names = pictures.field("bytes"), pictures.field("path")
    # Values are found by their offsets (Arrow's columnar format, variable-size binary); asking for one copies
    # it.
    spans, start = [(0, 0)] * len(pictures), 0
    if content.type != arrow.null() and len(pictures):
        _, offsets, values = content.buffers()
        integers = np.int64 if content.type == arrow.large_binary() else np.int32
        bounds = np.frombuffer(offsets, integers)[content.offset :].tolist()
        spans = list(pairwise(bounds))[: len(pictures)]
        start = values.address - whole.address if values is not None else 0
    present = arrow.compute.and_(pictures.is_valid(), content.is_valid()).to_pylist()
    for index, (first, last) in enumerate(spans):
        size = last - first if present[index] else 0
        if size > MAX_BYTES:
            yield f"{size / 1e6:,.0f} MB, more than {MAX_BYTES / 1e6:.0f}"
        elif size > 0:
            yield ImageRef(str(path), start + first, size)
        else:
            short = names.slice(index, 1).nbytes < MAX_STATE_BYTES
            name = names[index].as_py() if short and pictures[index].is_valid else None
            named = inside(folder, name) if isinstance(name, str) else None
            yield ImageRef(str(named)) if named else "no picture, or one in a file outside of the dataset"


def _is_compressed(metadata: bytes) -> bool:
    """Return whether a record batch says that its buffers are compressed: they would be unpacked at once, to
    any size. (Arrow's Message.fbs: header is field 2 of a message, compression field 3 of a record batch.)
    """

    def field(table: int, number: int) -> int:
        (vtable,) = struct.unpack_from("<i", metadata, table)
        (length,) = struct.unpack_from("<H", metadata, table - vtable)
        slot = 4 + 2 * number
        (offset,) = struct.unpack_from("<H", metadata, table - vtable + slot) if slot < length else (0,)
        return table + offset if offset else 0

    def followed(place: int) -> int:
        return place + int(struct.unpack_from("<I", metadata, place)[0])

    batch = followed(field(followed(0), 2))
    return field(batch, 3) != 0


def _short(error: Exception) -> str:
    return printable(str(error).partition("\n")[0])[:200]
