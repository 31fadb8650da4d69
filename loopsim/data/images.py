"""Picture bytes: where they lie, whether they are what they say, and how they become squares of one size."""

import io
import os
import struct
import warnings
import zlib
from collections import OrderedDict
from pathlib import PurePath
from typing import Any, final

import numpy as np
from PIL import Image, UnidentifiedImageError

from loopsim.core.errors import DataError
from loopsim.data.image_ref import ROW, ImageRef
from loopsim.data.saved_rows import open_saved, picture_bytes

# What is read, by content, and how its files are named; other formats that Pillow knows (EPS, PDF, …) run
# other programs or are no photographs.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
}
MAX_SIDE, MAX_PIXELS, MAX_BYTES = 20_000, 100_000_000, 200_000_000
_UNREADABLE = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    TypeError,
    Image.DecompressionBombError,
)
# Sizes are checked here, before anything is decoded.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class BadPicture(Exception):
    """A picture that cannot be used; its text says why."""


def _open(data: bytes) -> Image.Image:
    if len(data) > MAX_BYTES:
        raise BadPicture(f"{len(data) / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}")
    try:
        image = Image.open(io.BytesIO(data), formats=list(SUFFIXES))
    except _UNREADABLE as error:
        raise BadPicture(f"not a picture that can be read ({type(error).__name__})") from error
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadPicture(
            f"{width} x {height} pixels: larger than {MAX_SIDE} a side or {MAX_PIXELS / 1e6:.0f} million in "
            "all"
        )
    return image


def examine(data: bytes, name: str) -> tuple[int, int]:
    """Return a picture's (width, height) after decoding it whole. Raises BadPicture: unreadable, too large,
    or not what its name says.
    """
    image = _open(data)
    suffix = PurePath(name).suffix.lower()
    meant = next((format_ for format_, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if meant is not None and meant != image.format and not {meant, image.format} <= {"JPEG", "MPO"}:
        raise BadPicture(f"its name says {meant}, its content is {image.format}")
    try:
        image.load()
    except _UNREADABLE as error:
        raise BadPicture(f"cut short or damaged ({error})") from error
    return image.size


def square(data: bytes, size: int, box: tuple[float, float, float, float] | None = None) -> np.ndarray:
    """Return a picture (or its region) as uint8 RGB [size, size, 3]: the shorter side scaled to `size`
    (bicubic), the middle cut out.

    Raises BadPicture.
    """
    image = _open(data)
    try:
        if image.format == "JPEG" and box is None:
            image.draft(
                "RGB", (2 * size, 2 * size)
            )  # the decoder itself scales down by two, four or eight: much faster, as good
        image = _as_rgb(image)
        if box is not None:
            left, top, right, bottom = (round(edge) for edge in box)
            image = image.crop((left, top, right, bottom))
        width, height = image.size
        if min(width, height) < 1:
            raise BadPicture("the region is empty")
        if (width, height) != (size, size):
            scale = size / min(width, height)
            image = image.resize(
                (max(size, round(width * scale)), max(size, round(height * scale))), Image.Resampling.BICUBIC
            )
            left, top = (image.width - size) // 2, (image.height - size) // 2
            image = image.crop((left, top, left + size, top + size))
    except _UNREADABLE as error:
        raise BadPicture(f"cut short or damaged ({error})") from error
    return np.array(image)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        # White behind what is transparent, as a browser shows it.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


@final
class PictureReader:
    """Reads pictures' bytes; keeps the last few container files open."""

    def __init__(self, image_column: str = "image", max_open: int = 64) -> None:
        self.image_column, self.max_open = image_column, max_open
        self._files: OrderedDict[str, int] = OrderedDict()
        self._datasets: dict[str, Any] = {}

    def read(self, place: ImageRef) -> bytes:
        """Return a picture's bytes. Raises DataError if its file is gone or shorter than it was."""
        if place.length == ROW:
            return self._row(place)
        try:
            descriptor = self._descriptor(place.path)
            length = place.length if place.length >= 0 else os.fstat(descriptor).st_size
            data = os.pread(descriptor, length, place.offset)
        except OSError as error:
            raise DataError(
                f"{place.path}: {error.strerror or error}; restore it, or run `loopsim data check` again"
            ) from error
        if len(data) < length:
            raise DataError(
                f"{place.path} is shorter than when it was read; restore it, or run `loopsim data check` "
                "again"
            )
        return data

    def _descriptor(self, path: str) -> int:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        if len(self._files) >= self.max_open:
            os.close(self._files.popitem(last=False)[1])
        self._files[path] = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        return self._files[path]

    def _row(self, place: ImageRef) -> bytes:
        if place.path not in self._datasets:
            self._datasets[place.path] = open_saved(place.path, None, self.image_column)
        return picture_bytes(self._datasets[place.path][place.offset][self.image_column])

    def close(self) -> None:
        """Close every file."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def __del__(self) -> None:
        self.close()
