"""Attacks on pictures: same shape, the more the stronger, and nothing where there is nothing to do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopsim.core.errors import ConfigError
from loopsim.data.attacks import ATTACKS, jpeg, read_attack

GENTLE_AND_HARD = {
    "jpeg": (95, 10), "resize": (0.9, 0.2), "crop": (0.9, 0.2), "zoom": (0.9, 0.2), "noise": (0.01, 0.3),
    "blur": (0.3, 4),
}  # fmt: skip


def picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    smooth = np.stack([rows * 3, columns * 3, (rows + columns) * 2], -1) + rng.integers(
        0, 30, (height, width, 3)
    )
    return smooth.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_harder_the_less_is_left(name: str) -> None:
    def harm(strength: float) -> float:
        attacked = read_attack(f"{name}:{strength}")(picture(), np.random.default_rng(1))
        assert (attacked.shape, attacked.dtype) == (picture().shape, np.uint8)
        return float(np.abs(attacked.astype(float) - picture()).mean())

    gentle, hard = GENTLE_AND_HARD[name]
    assert 0 < harm(gentle) < harm(hard)
    assert harm(hard) == harm(hard)


@pytest.mark.parametrize("attack", ["resize:1", "crop:1", "zoom:1", "noise:0", "blur:0"])
def test_nothing_is_nothing(attack: str) -> None:
    assert (read_attack(attack)(picture(), np.random.default_rng(0)) == picture()).all()


@given(
    name=st.sampled_from(list(ATTACKS)),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_the_smallest_pictures_too(name: str, height: int, width: int, seed: int) -> None:
    for strength in ATTACKS[name][1:]:
        image = picture(height, width)
        attacked = ATTACKS[name][0](image, strength, np.random.default_rng(seed))
        assert (attacked.shape, attacked.dtype) == (image.shape, np.uint8)


def test_a_crop_leaves_its_window_as_it_was() -> None:
    image = picture() // 2 + 10  # nothing is black
    left = read_attack("crop:0.25")(image, np.random.default_rng(3))
    kept = (left > 0).all(-1)
    assert kept.sum() == 24 * 32
    assert (left[kept] == image[kept]).all()


def test_jpeg_is_pillows() -> None:
    assert (jpeg(picture(), 100) != picture()).mean() < 1


@pytest.mark.parametrize(
    "text", ["jpg:75", "jpeg", "jpeg:", "jpeg:0", "jpeg:101", "crop:0", "noise:nan", "blur:x"]
)
def test_what_is_no_attack_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--attack {text}: "):
        read_attack(text)
