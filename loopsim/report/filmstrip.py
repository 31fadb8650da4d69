"""A filmstrip: the same prompts from the same seeds, drawn by SD_0, SD_1, …; nothing but weights changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from PIL import Image, ImageDraw

from loopsim.core.errors import RunNotFound
from loopsim.core.run_folder import STATE
from loopsim.core.text import printable
from loopsim.report.contact_sheet import enlarged, footnotes
from loopsim.report.lettering import Lettering
from loopsim.store.rows import AuditRow
from loopsim.store.store import Store

PICTURE, MARGIN, LINE, TOP = 128, 8, 13, 58
MOST_COLUMNS = 24  # a sheet of a hundred generations is no sheet
BLACK, GREY = "black", (90, 90, 90)


@final
@dataclass(frozen=True)
class Film:
    """The answers of several generators to one prompt from one seed: `frames[i]` is the stored picture of
    SD_{generations[i] - 1}, None where it drew none.
    """

    prompt: str
    seed: int
    generations: tuple[int, ...]
    frames: tuple[bytes | None, ...]


def films(store: Store, generations: Sequence[int], limit: int) -> list[Film]:
    """Return what the generators of S_1 … S_g drew for the same neutral prompts from the same seeds: of up to
    `limit` prompts, spread over those that there are, the first seed.
    """
    drawn: dict[tuple[str, int], dict[int, bytes]] = {}
    for generation in generations:
        for row in store.scan(AuditRow, generation):
            drawn.setdefault((row.prompt, row.seed), {})[generation] = row.picture
    first = dict(reversed(drawn))  # of each prompt, its first seed
    prompts = list(dict.fromkeys(prompt for prompt, _ in drawn))
    num = min(limit, len(prompts))
    shown = tuple(g for g in generations if any(g in frames for frames in drawn.values()))
    found = []
    for prompt in (prompts[i * len(prompts) // num] for i in range(num)):
        frames = drawn[prompt, first[prompt]]
        found.append(Film(prompt, first[prompt], shown, tuple(frames.get(g) for g in shown)))
    return found


def load_films(directory: Path, generations: int, limit: int) -> list[Film]:
    """Return a run's films up to a generation, of long loops over MOST_COLUMNS of them. Raises RunNotFound if
    no generator has been asked yet.
    """
    num = min(generations, MOST_COLUMNS)
    chosen = dict.fromkeys(1 + (generations - 1) * i // max(num - 1, 1) for i in range(num))
    with Store(directory / STATE, readonly=True) as store:
        found = films(store, list(chosen), limit)
    if not found:
        raise RunNotFound(
            f"run {directory.name} has no pictures of neutral prompts: they are drawn when a generation >= 1 "
            "is evaluated, if evaluate.num_audit_images is not 0"
        )
    return found


def draw_films(found: Sequence[Film], run: str, footer: str | None) -> Image.Image:
    """Return the sheet: a row a prompt, a column a generator; small pictures are enlarged without
    smoothing.
    """
    small, large = Lettering(10), Lettering(14)
    texts = [
        [(line, BLACK) for line in small.wrapped(film.prompt, PICTURE, 7)]
        + [(line, GREY) for line in small.wrapped(f"seed {film.seed}", PICTURE, 2)]
        for film in found
    ]
    columns = found[0].generations
    cell = PICTURE + MARGIN
    title = f"{printable(run)}: the same prompt and seed, generation after generation"
    width = max((len(columns) + 1) * cell + MARGIN, int(large.width(title)) + 2 * MARGIN)
    notes = footnotes(footer, small)
    sheet = Image.new("RGB", (width, TOP + len(found) * cell + 16 * len(notes) + MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    large.draw(pen, (MARGIN, 8), title, BLACK)
    for column, generation in enumerate(columns, 1):
        small.draw(pen, (MARGIN + column * cell, TOP - 18), f"SD_{generation - 1}", BLACK)
    for row, (film, lines) in enumerate(zip(found, texts, strict=True)):
        top = TOP + row * cell
        for number, (line, colour) in enumerate(lines):
            small.draw(pen, (MARGIN, top + number * LINE), line, colour)
        for column, frame in enumerate(film.frames, 1):
            place = (MARGIN + column * cell, top)
            if frame is None:
                small.draw(pen, place, "not drawn", GREY)
            else:
                sheet.paste(enlarged(frame), place)
    for number, note in enumerate(reversed(notes)):
        small.draw(pen, (MARGIN, sheet.height - 14 - 16 * number), note, GREY)
    return sheet
