"""Pictures as people see them: upright, and with all their shades."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from loopsim.data.images import BadPicture, examine, square


def saved(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format_, **options)
    return buffer.getvalue()


def corners() -> Image.Image:
    """24 x 16 pixels, each corner of another colour."""
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8, :12], pixels[:8, 12:], pixels[8:, :12] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_turned_as_it_is_shown(orientation: int, format_: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = saved(corners(), format_, exif=exif)
    with Image.open(io.BytesIO(data)) as opened:
        shown = ImageOps.exif_transpose(opened)
    assert examine(data, f"a.{format_.lower()}").size == shown.size
    found, wanted = square(data, 8).astype(int), np.array(shown.convert("RGB"), int)
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert np.abs(found[row, column] - wanted[row, column]).max() < 90
    assert examine(data, "a", (0, 0, *shown.size)).size == shown.size


def test_a_region_is_of_the_picture_as_it_is_shown() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # stored lying on its side: shown 16 wide and 24 high
    data = saved(corners(), exif=exif)
    assert square(data, 4, (8, 0, 16, 12))[1, 1].tolist() == [255, 0, 0]  # the top right is what was top left
    with pytest.raises(BadPicture, match="empty"):
        square(data, 4, (17, 0, 24, 16))


def test_damaged_metadata_leave_the_picture_as_it_is_stored() -> None:
    data = saved(corners(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff nonsense")
    assert examine(data, "a.jpg").size == (24, 16)


@pytest.mark.parametrize("top", [65535, 200])
def test_sixteen_bits_keep_their_shades(top: int) -> None:
    shades = np.linspace(0, top, 256).astype(np.uint16).reshape(16, 16)
    found = square(saved(Image.fromarray(shades)), 16)
    wanted = shades >> 8 if top > 255 else shades
    assert np.array_equal(found[..., 0], wanted)
    assert len(np.unique(found)) > 150


def test_many_rows_of_sixteen_bits_are_cut_alike_over_all_bands() -> None:
    tall = np.zeros((1500, 4), np.uint16)
    tall[:, 0], tall[1400, 1] = np.arange(1500) % 256, 40000  # one deep pixel, in the last band
    found = square(saved(Image.fromarray(tall)), 4, (0, 1398, 4, 1402))
    assert found[2, 1, 0] == 40000 >> 8
    assert not found[:, 0].any(), "the shades of eight bits fall away with the low bits of the others"


def test_pixels_without_a_known_range_are_refused_with_the_way_out() -> None:
    data = saved(Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)), "TIFF")
    with pytest.raises(BadPicture, match=r"floating-point .* save it with 8 or 16 bits"):
        square(data, 8)
