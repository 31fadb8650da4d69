"""Draws the pictures of README and docs, and the example page, from a finished run.

`python docs/draw_pictures.py RUN_FOLDER`, with the package's `dev` extra and Chromium. What it writes:
docs/example/report.html, and in docs/images/ strip.png (the same prompts over generations), page.png (the
page's first screen) and sheet.png (a contact sheet of the last generation).
"""

import base64
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from loopsim.core.files import write_atomically
from loopsim.report.contact_sheet import draw_sheet, load_sheet_samples
from loopsim.report.page.contents import read_contents
from loopsim.report.page.pictures import Strip
from loopsim.report.page.write import write_page
from tests.helpers.browser import browser

DOCS = Path(__file__).parent
SIDE, GAP, LABEL, HEAD = 128, 6, 210, 34
FIRST_SCREEN = 1100, 760


def draw_strip(strips: list[Strip]) -> Image.Image:
    """Return one row a prompt and one column a generator, pixels enlarged without smoothing."""
    columns = [frame.drawn_by for frame in strips[0].frames]
    width = LABEL + len(columns) * (SIDE + GAP)
    picture = Image.new("RGB", (width, HEAD + len(strips) * (SIDE + GAP)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=16)
    for column, name in enumerate(columns):
        left = LABEL + column * (SIDE + GAP)
        pen.text((left + SIDE / 2, HEAD / 2), name, fill="#374151", font=font, anchor="mm")
    for row, strip in enumerate(strips):
        top = HEAD + row * (SIDE + GAP)
        words = strip.prompt.replace("a photo of ", "a photo of\n")
        pen.text((GAP, top + SIDE / 2), words, fill="#111827", font=font, anchor="lm")
        for column, frame in enumerate(strip.frames):
            if frame.source is not None:
                drawn = Image.fromarray(pixels_of(frame.source).astype(np.uint8))
                enlarged = drawn.resize((SIDE, SIDE), Image.Resampling.NEAREST)
                picture.paste(enlarged, (LABEL + column * (SIDE + GAP), top))
    return picture


def pixels_of(source: str) -> np.ndarray:
    """Return the picture of a data URI, float32 [h, w, 3]."""
    found = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    return np.asarray(found.convert("RGB"), np.float32)


def changing_first(strips: list[Strip]) -> list[Strip]:
    """Return the strips whose first and last pictures differ most first."""

    def change(strip: Strip) -> float:
        first, last = (pixels_of(strip.frames[place].source or "") for place in (0, -1))
        return float(np.abs(first - last).mean())

    return sorted(strips, key=change, reverse=True)


def save(picture: Image.Image, name: str, colours: int = 256) -> None:
    """Write a picture small: few colours are enough for these."""
    small = picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    write_atomically(DOCS / "images" / name, lambda place: small.save(place, format="PNG", optimize=True))


def main(run: Path) -> None:
    """Draw them all."""
    contents = read_contents(run)
    save(draw_strip(changing_first(list(contents.strips))[:4]), "strip.png")
    last = contents.summary.generations[-1]
    save(
        draw_sheet(load_sheet_samples(run, last, 16), run.name, last, contents.summary.attribution),
        "sheet.png",
    )
    page = DOCS / "example" / "report.html"
    write_page([run], page)
    width, height = FIRST_SCREEN
    with browser(width) as window:
        window.open(page.resolve().as_uri())
        clip = {"x": 0, "y": 0, "width": width, "height": height}
        save(Image.open(io.BytesIO(window.page.screenshot(clip=clip))), "page.png", 128)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
