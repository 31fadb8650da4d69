"""What happens to pictures on their way: they are compressed, scaled, cropped, blurred, and get noise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Final, final

import numpy as np
from PIL import Image, ImageFilter

from loopsim.core.errors import ConfigError

Attack = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
_SMOOTH = Image.Resampling.BICUBIC


def jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    """Return a picture, uint8 [h, w, 3], after JPEG of a quality of 1 to 100."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(quality))
    with Image.open(buffer, formats=("JPEG",)) as saved:
        return np.array(saved.convert("RGB"))


def resize(image: np.ndarray, scale: float) -> np.ndarray:
    """Return a picture that was scaled to a share of its sides, and back."""
    height, width = image.shape[:2]
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.array(Image.fromarray(image).resize(small, _SMOOTH).resize((width, height), _SMOOTH))


def crop(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of which a random window with a share of its area is left, in its place; the rest is
    black.
    """
    top, left, height, width = _window(image, share, rng)
    left_over = np.zeros_like(image)
    rows, columns = slice(top, top + height), slice(left, left + width)
    left_over[rows, columns] = image[rows, columns]
    return left_over


def zoom(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random window with a share of a picture's area, scaled to the whole's size."""
    top, left, height, width = _window(image, share, rng)
    box = (left, top, left + width, top + height)
    return np.array(Image.fromarray(image).crop(box).resize(image.shape[1::-1], _SMOOTH))


def noise(image: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture with normal noise; `sd` is a share of the range from black to white."""
    noisy = image + rng.normal(0, 255 * sd, image.shape)
    return noisy.round().clip(0, 255).astype(np.uint8)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return a picture after a Gaussian blur of `sigma` pixels."""
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def weathered(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture as it may look after a while on the web: blurred with probability `share` (σ 0 to 3
    pixels) and then saved as JPEG with the same probability (quality 30 to 100). So detectors of synthetic
    pictures are trained (Wang et al. 2020, Ojha et al. 2023); `rng` gives the same numbers whatever happens.
    """
    blurs, compresses = rng.random(2) < share
    sigma, quality = rng.uniform(0, 3), int(rng.integers(30, 101))
    image = blur(image, sigma) if blurs else image
    return jpeg(image, quality) if compresses else image


def _window(image: np.ndarray, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    height, width = (max(1, round(side * share**0.5)) for side in image.shape[:2])
    top, left = (
        int(rng.integers(side - inner + 1))
        for side, inner in zip(image.shape[:2], (height, width), strict=True)
    )
    return top, left, height, width


# Each attack with the least and the largest strength that it knows.
ATTACKS: Final[Mapping[str, tuple[Attack, float, float]]] = {
    "jpeg": (lambda image, quality, _: jpeg(image, quality), 1, 100),
    "resize": (lambda image, scale, _: resize(image, scale), 0.01, 1),
    "crop": (crop, 0.01, 1),
    "zoom": (zoom, 0.01, 1),
    "noise": (noise, 0, 1),
    "blur": (lambda image, sigma, _: blur(image, sigma), 0, 20),
}


@final
@dataclass(frozen=True)
class Attacked:
    """One attack with its strength, as `jpeg:75`."""

    name: str
    strength: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture, uint8 [h, w, 3], after the attack."""
        return ATTACKS[self.name][0](image, self.strength, rng)

    def __str__(self) -> str:
        return f"{self.name}:{self.strength:g}"


def read_attack(text: str) -> Attacked:
    """Return the attack that `name:strength` means. Raises ConfigError."""
    name, _, value = text.partition(":")
    if name not in ATTACKS:
        raise ConfigError(f"--attack {text}: {name!r} is not known; known are {', '.join(ATTACKS)}")
    _, least, most = ATTACKS[name]
    try:
        strength = float(value)
    except ValueError:
        strength = float("nan")
    if not least <= strength <= most:
        raise ConfigError(
            f"--attack {text}: write {name}:STRENGTH, a number from {least:g} to {most:g}, as {name}:"
            f"{(least + most) / 2:g}"
        )
    return Attacked(name, strength)
