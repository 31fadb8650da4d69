"""Marks in pixels: written into what was drawn, read without a model, refused where they cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from loopsim.config import Config, with_values
from loopsim.core.errors import ConfigError
from loopsim.data.attacks import jpeg
from loopsim.data.images import decode_picture
from loopsim.interventions.draw import Draw
from loopsim.interventions.pixel_watermark import PixelWatermark
from loopsim.runs.resolve import resolve
from tests.helpers.checkpoints import TinyModels
from tests.helpers.command_line import loopsim_here
from tests.helpers.faults import on_faults
from tests.helpers.loops import resume_run, start_run, tiny_config
from tests.helpers.rows import samples_of


def config(root: Path, models: TinyModels, size: int = 256, **settings: object) -> Config:
    """A tiny loop of large pictures."""
    entry = {"kind": "pixel_watermark", **settings}
    changes = {"data.image_size": size, "clip.num_steps": 0, "captioner.num_steps": 0}
    return with_values(tiny_config(root, models), {**changes, "interventions": [entry]})


class Died(BaseException):
    pass


def photo(seed: int = 0) -> np.ndarray:
    """A picture with structure at several scales and no edges, as out of focus."""
    rng = np.random.default_rng(seed)
    noise = [(scale, rng.normal(size=(256, 256, 3))) for scale in (2, 6, 24)]
    image = sum(scale**1.3 * gaussian_filter(one, (scale, scale, 0), mode="wrap") for scale, one in noise)
    assert isinstance(image, np.ndarray)
    return (40 + 180 * (image - image.min()) / np.ptp(image)).astype(np.uint8)


@pytest.mark.parametrize(("method", "least"), [("dwtDct", 35), ("dwtDctSvd", 47)])
def test_what_is_written_is_read(method: str, least: int) -> None:
    mark = PixelWatermark(method=method, share=0.5).at(1)
    draws = [Draw("c", "p", seed) for seed in range(8)]
    images = np.stack([photo(seed) for seed in range(8)])
    found = mark.finish(images, draws)
    assert found.dtype == np.uint8
    assert found.shape == images.shape
    bits = mark.read(found)
    for position, draw in enumerate(draws):
        changed = not np.array_equal(found[position], images[position])
        assert changed == mark.marks(draw.seed)
        assert (bits[position] >= least) == changed
        assert np.abs(found[position].astype(int) - images[position]).mean() < 6
    assert np.array_equal(found[3:5], mark.finish(images[3:5], draws[3:5]))
    assert max(mark.at(2).read(found)) < least  # another generation's message
    assert max(PixelWatermark(method=method, key="other").at(1).read(found)) < least
    assert min(mark.read(np.stack([jpeg(image, 20) for image in found]))) < least
    assert not PixelWatermark(share=0).acts()


@pytest.mark.parametrize(
    ("size", "num_bits", "words"),
    [
        (64, 48, "64 pixels are too small, it takes 256 a side"),
        (256, 1025, "1,024 blocks, too few for num_bits = 1025"),
    ],
)
def test_what_cannot_be_marked_is_told_before_anything_is_made(
    size: int, num_bits: int, words: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"interventions\[0\] \(pixel_watermark\): .*" + words):
        resolve(config(tmp_path, tiny_models, size, num_bits=num_bits), tmp_path)


@pytest.mark.slow
def test_it_marks_each_generation_and_is_read_by_command(tiny_models: TinyModels, tmp_path: Path) -> None:
    entry = {"share": 0.5, "method": "dwtDctSvd", "num_bits": 16}
    settings = with_values(
        config(tmp_path, tiny_models, **entry),
        {"generations": 1, "finetune.num_steps": 0, "data.num_train": 4, "data.num_retrieval": 2},
    )
    directory = tmp_path / "marked"
    digest = start_run(directory, settings)
    mark, rows = PixelWatermark(**entry).at(1), samples_of(directory, 1)
    right = mark.read(np.stack([decode_picture(row.picture) for row in rows]))
    assert [bits >= 14 for bits in right] == [mark.marks(row.seed) for row in rows]

    done = loopsim_here(
        "watermark", "marked", "-g", "1", "--runs-dir", str(tmp_path), "--attack", "crop:0.01",
        "--unmarked", "4", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    readings = json.loads(done.stdout)["readings"]
    whole = {(row["pictures"], row["attack"]): row for row in readings if row["group"] == "overall"}
    assert {"marked", "unmarked", "real", "drawn"} == {kind for kind, _ in whole}
    right = {place: row["accuracy"]["value"] for place, row in whole.items()}
    assert right["marked", ""] > max(right["unmarked", ""], right["drawn", ""], right["real", ""], 0.8)
    assert right["marked", ""] > right["marked", "crop:0.01"]
    groups = [row["n"] for row in readings if row["group"].startswith("gender")]
    assert sum(groups) == sum(row["n"] for row in whole.values())  # every kind and attack, by group

    def die(point: str, n: int) -> None:
        if point == "sample.batch" and n == 1:
            raise Died

    with on_faults(die), pytest.raises(Died):
        start_run(tmp_path / "again", settings)
    assert resume_run(tmp_path / "again") == digest
