"""Pictures: whether their bytes are what they say, and how they become squares of one size."""

import io
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import final

import numpy as np
from PIL import ExifTags, Image

from loopsim.core.errors import CorruptRun
from loopsim.core.text import printable
from loopsim.data.looks import look_of

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
FORMATS = tuple(SUFFIXES)
MAX_SIDE, MAX_PIXELS, MAX_BYTES = 20_000, 100_000_000, 200_000_000
MAX_RATIO = 50  # of the longer side to the shorter: what is thinner would be huge once its short side fits
_LARGE_PIXELS, _BAND = 8_000_000, 512
_one_large_at_a_time = threading.RLock()
# Blocks of this size go back to the system when a large picture is done; smaller ones stay with each thread.
Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]
# Sizes are checked here, before anything is decoded.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # the picture is taken as it is stored
Box = tuple[float, float, float, float]
_TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF's orientations, and what undoes each


class BadPicture(Exception):
    """A picture that cannot be used; its text says why."""


def decoded(data: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Return a picture as RGB, white behind what is transparent. Raises BadPicture: no such format, too
    large, or damaged.
    """
    with _opened(data, formats) as image, _damage_told():
        return _as_rgb(image)


def decode_picture(data: bytes) -> np.ndarray:
    """Return a stored picture as uint8 RGB [h, w, 3]. Raises CorruptRun for what loopsim does not store."""
    try:
        return np.array(decoded(data, ("PNG", "JPEG")))
    except BadPicture as error:
        raise CorruptRun(f"a stored picture cannot be read ({error}); see `loopsim verify`") from error


@final
@dataclass(frozen=True)
class Examined:
    """A sound picture: its (width, height), as it is shown, and the look of the region that is meant."""

    size: tuple[int, int]
    look: bytes


def examine(data: bytes, name: str, box: Box | None = None) -> Examined:
    """Return what a picture is after decoding it whole. Raises BadPicture: unreadable, too large, not what
    its name says, or without the region that is meant.
    """
    with _opened(data, FORMATS) as image:
        suffix = PurePath(name).suffix.lower()
        meant = next((format_ for format_, suffixes in SUFFIXES.items() if suffix in suffixes), None)
        if meant is not None and meant != image.format and not {meant, image.format} <= {"JPEG", "MPO"}:
            raise BadPicture(f"its name says {meant}, its content is {image.format}")
        size = _shown_size(image)
        region = _check_region(size, box)
        with _damage_told():
            whole = _as_rgb(image)
        return Examined(size, look_of(whole if region is None else whole.crop(region)))


def square(data: bytes, size: int, box: Box | None = None) -> np.ndarray:
    """Return a picture, or its region, in pixels of the picture as it is shown, as uint8 RGB [size, size, 3]:
    upright as its EXIF data say, the shorter side scaled to `size` (bicubic), the middle cut out.

    Raises BadPicture.
    """
    with _opened(data, FORMATS) as image:
        region = _check_region(_shown_size(image), box)
        with _damage_told():
            if image.format == "JPEG" and region is None:
                # The decoder itself scales down by two, four or eight: much faster, as good.
                image.draft("RGB", (2 * size, 2 * size))
            whole = _as_rgb(image)
            return np.array(_middle(whole if region is None else whole.crop(region), size))


def _middle(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    if (width, height) == (size, size):
        return image
    scale = size / min(width, height)
    image = image.resize(
        (max(size, round(width * scale)), max(size, round(height * scale))), Image.Resampling.BICUBIC
    )
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


@contextmanager
def _opened(data: bytes, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """Open a picture whose size is within bounds; large ones are looked at one at a time, so that what all
    threads hold together stays bounded too.
    """
    if len(data) > MAX_BYTES:
        raise BadPicture(f"{len(data) / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}")
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except Exception as error:  # whatever a decoder trips over
        raise BadPicture(f"not a picture that can be read ({type(error).__name__})") from error
    with image:
        width, height = image.size
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise BadPicture(
                f"{width} x {height} pixels: larger than {MAX_SIDE} a side or {MAX_PIXELS / 1e6:.0f} million "
                "in all"
            )
        if width * height <= _LARGE_PIXELS:
            yield image
        else:
            with _one_large_at_a_time:
                yield image


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a decoder trips over
        raise BadPicture(f"cut short or damaged ({printable(str(error))[:200]})") from error


def _check_region(size: tuple[int, int], box: Box | None) -> tuple[int, int, int, int] | None:
    """Return the region in whole pixels. Raises BadPicture if it, or the whole picture, is no shape that a
    square can be cut from.
    """
    if box is not None and not all(math.isfinite(edge) and abs(edge) <= 2 * MAX_SIDE for edge in box):
        raise BadPicture("the region's edges are no pixels")
    region = None if box is None else tuple(round(edge) for edge in box)
    left, top, right, bottom = (0, 0, *size) if region is None else region
    width, height = right - left, bottom - top
    if min(width, height) < 1 or left >= size[0] or top >= size[1] or right <= 0 or bottom <= 0:
        raise BadPicture("the region is empty")
    if max(width, height) > MAX_RATIO * min(width, height) or width * height > MAX_PIXELS:
        raise BadPicture(f"{width} x {height} pixels: no shape that a square can be cut from")
    return None if region is None else (left, top, right, bottom)


def _orientation(image: Image.Image) -> int:
    """Return how a picture is to be turned, as EXIF numbers it; 1 (not at all) where that cannot be read, and
    for TIFF, which Pillow turns itself.
    """
    if image.format == "TIFF":
        return 1
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # whatever a reader of damaged metadata trips over: the pixels may be fine
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def _shown_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if _orientation(image) >= 5 else (width, height)


def _as_rgb(image: Image.Image) -> Image.Image:
    """Return a picture upright, in eight bits a channel."""
    turn = _TURNS.get(_orientation(image))
    image.load()
    found = _eight_bits(image)
    return found if turn is None else found.transpose(turn)


def _without_low_bits(image: Image.Image) -> Image.Image:
    """Return a grey of 16 bits in eight; one that needs no more than eight keeps them. In bands, since
    numbers of 32 bits take four times the picture.
    """
    bands = [(top, min(top + _BAND, image.height)) for top in range(0, image.height, _BAND)]

    def pixels(top: int, bottom: int) -> np.ndarray:
        return np.asarray(image.crop((0, top, image.width, bottom))).clip(0, 65535)

    shift = 8 if max(int(pixels(*band).max()) for band in bands) > 255 else 0
    found = Image.new("L", image.size)
    for top, bottom in bands:
        found.paste(Image.fromarray((pixels(top, bottom) >> shift).astype(np.uint8)), (0, top))
    return found


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise BadPicture("its pixels are floating-point numbers of no known range: save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut at 255
        image = _without_low_bits(image)
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image if image.mode == "RGB" else image.convert("RGB")
    # White behind what is transparent, as a browser shows it; in bands, since it takes four copies.
    found = Image.new("RGB", image.size)
    for top in range(0, image.height, _BAND):
        band = image.crop((0, top, image.width, min(top + _BAND, image.height))).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        found.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return found
