"""Pictures of the held-out splits that are in train, too: the same file, or the same picture saved again."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from loopsim.data.looks import MAX_BITS, MAX_COLOUR, MAX_SHARED, SIZE, look_of, nearest_look
from loopsim.data.overlap import Copy
from tests.helpers import corpora
from tests.helpers.manifests import check, data_config
from tests.helpers.oracles import SEEDS


def saved(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format_, **options)
    return buffer.getvalue()


def source(root: Path, pictures: dict[str, bytes]) -> dict:
    """A folder's source with these files."""
    root.mkdir(parents=True)
    for name, data in pictures.items():
        (root / name).write_bytes(data)
    with (root / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "caption"), *((name, "a picture") for name in pictures)])
    return {"format": "folder", "path": str(root)}


def test_copies_and_near_copies_are_counted_and_named(tmp_path: Path) -> None:
    large = [corpora.picture(seed, (320, 240)) for seed in range(8)]
    train = {f"{seed}.png": saved(image) for seed, image in enumerate(large)}
    held = {
        "same.png": train["3.png"],
        "harder.jpg": saved(large[5], "JPEG", quality=40),
        "smaller.png": saved(large[6].resize((150, 110))),
        "other.png": corpora.encoded(90, "PNG"),
        "mirrored.png": saved(large[7].transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    }
    faces = {"face.png": corpora.encoded(91, "PNG")}
    data = data_config(
        train=source(tmp_path / "train", train),
        retrieval=source(tmp_path / "held", held),
        faces=source(tmp_path / "faces", faces),
    )
    found = {one.split: one for one in check(data, tmp_path / "runs").overlaps}
    assert set(found) == {"retrieval", "faces"}
    retrieval = found["retrieval"]
    assert (retrieval.num_exact, retrieval.num_near, retrieval.num_plain) == (1, 2, 0)
    assert retrieval.examples == [
        Copy("same.png", "3.png", is_exact=True),
        Copy("harder.jpg", "5.png", is_exact=False),
        Copy("smaller.png", "6.png", is_exact=False),
    ]
    assert (found["faces"].num_exact, found["faces"].num_near) == (0, 0)


def test_another_region_of_the_same_file_is_another_picture(tmp_path: Path) -> None:
    root = corpora.phase(tmp_path / "phase")
    regions = {
        "format": "phase",
        "annotations": str(root / "phase_gcc_val_regions_20221101.json"),
        "images": str(root / "phase_images"),
        "unit": "region",
    }
    whole = regions | {"unit": "image"}
    apart = check(data_config(train=whole, retrieval=regions), tmp_path / "a").overlaps[0]
    assert apart.num_exact == 0
    again = check(data_config(train=regions, retrieval=regions), tmp_path / "b").overlaps[0]
    assert (again.num_exact, again.num_near) == (5, 0)


def test_skin_of_another_tone_is_another_picture() -> None:
    def face(skin: tuple[int, int, int]) -> np.ndarray:
        pixels = np.full((64, 64, 3), 255, np.uint8)
        pixels[16:48, 16:48] = skin
        pixels[24:28, 22:26] = pixels[24:28, 38:42] = 20
        return np.frombuffer(look_of(Image.fromarray(pixels)), np.uint8)[None]

    light, dark = face((240, 200, 170)), face((120, 80, 60))
    assert nearest_look(light, light)[0].tolist() == [0]
    assert nearest_look(light, dark)[0].tolist() == [-1]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_nearest_look_is_that_of_comparing_every_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = rng.integers(0, 256, (150, SIZE), np.uint8)
    known[50:60] = known[:10]
    asked = known[rng.integers(0, 150, 80)]
    for row in asked[:60]:  # some bits are turned, some colours moved, about as far as is allowed
        bits = np.unpackbits(row[:8])
        bits[rng.choice(64, rng.integers(0, MAX_BITS + 3), replace=False)] ^= 1
        row[:8] = np.packbits(bits)
        moved = row[8:].astype(int) + rng.integers(-MAX_COLOUR - 1, MAX_COLOUR + 2, 48) * rng.integers(0, 2)
        row[8:] = moved.clip(0, 255)
    bits = np.unpackbits(asked[:, None, :8] ^ known[None, :, :8], axis=2).sum(2)
    far = np.abs(asked[:, None, 8:].astype(int) - known[None, :, 8:]).max(2)
    cost = np.where((bits <= MAX_BITS) & (far <= MAX_COLOUR), bits * 1000 + np.arange(150), 10**6)
    wanted = np.where(cost.min(1) < 10**6, cost.argmin(1), -1)
    found, compared = nearest_look(known, asked)
    assert found.tolist() == wanted.tolist()
    assert compared.all()


@pytest.mark.parametrize(("num_known", "expected"), [(MAX_SHARED, True), (MAX_SHARED + 1, False)])
def test_what_is_too_plain_to_be_told_from_many_is_said(num_known: int, expected: bool) -> None:
    known = np.zeros((num_known, SIZE), np.uint8)
    known[:, 8] = np.arange(num_known) % 200
    known[:, 9] = 255 * (np.arange(num_known) // 200)
    assert nearest_look(known, known[:1])[1].tolist() == [expected]
    assert nearest_look(known[:0], known[:1])[0].tolist() == [-1]
