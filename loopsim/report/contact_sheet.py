"""A contact sheet: a generation's samples with their prompts and lineage, as one picture."""

import io
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import final

from PIL import Image, ImageDraw, ImageFont

from loopsim.core.errors import RunNotFound
from loopsim.report.summary import STATE
from loopsim.store.keys import Table, index_of, key
from loopsim.store.store import Store

PICTURE, TEXT_LINES, LINE, MARGIN = 128, 6, 13, 10
GREY = (90, 90, 90)


@final
@dataclass(frozen=True)
class Sample:
    """One candidate of S_g with its lineage."""

    index: int
    picture: bytes
    prompt: str
    origin: str
    model: str
    seed: int
    score: float
    kept: bool


def load_sheet_samples(directory: Path, generation: int, limit: int) -> list[Sample]:
    """Return up to `limit` samples of S_g, spread over the generation. Raises RunNotFound if it has none (S_0
    never has).
    """
    with Store(directory / STATE, readonly=True) as store:
        keys = store.keys(key(Table.CURATION, generation))
        if not keys:
            what = "generation 0 is real data only" if generation == 0 else "it has not been drawn yet"
            raise RunNotFound(f"run {directory.name} has no samples of generation {generation}: {what}")
        samples = []
        for position in range(min(limit, len(keys))):
            index = index_of(keys[position * len(keys) // min(limit, len(keys))])
            sample, curation = (
                store.get(key(Table.SAMPLE, generation, index)),
                store.get(key(Table.CURATION, generation, index)),
            )
            assert sample is not None, "written before curation"
            assert curation is not None, "its key was listed"
            f = sample.fields
            score, kept = curation.fields["clip_score"], curation.fields["kept"]
            samples.append(
                Sample(index, sample.blob, f["prompt"], f["origin"], f["model"], f["seed"], score, kept)
            )
    return samples


def draw_sheet(samples: list[Sample], title: str, footer: str | None, columns: int = 8) -> Image.Image:
    """Return the sheet: small pictures enlarged without smoothing, prompt and lineage under each, a red frame
    around those that curation dropped.
    """
    font = ImageFont.load_default(size=10)
    cell_width, cell_height = PICTURE + 2 * MARGIN, PICTURE + TEXT_LINES * LINE + 2 * MARGIN
    rows = -(-len(samples) // columns)
    sheet = Image.new("RGB", (columns * cell_width, rows * cell_height + 50), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 8), title, fill="black", font=ImageFont.load_default(size=14))
    for number, sample in enumerate(samples):
        left, top = number % columns * cell_width + MARGIN, number // columns * cell_height + 34
        original = Image.open(io.BytesIO(sample.picture)).convert("RGB")
        smoothing = Image.Resampling.NEAREST if original.width <= PICTURE else Image.Resampling.LANCZOS
        picture = original.resize((PICTURE, PICTURE), smoothing)
        if not sample.kept:
            pen.rectangle((left - 3, top - 3, left + PICTURE + 2, top + PICTURE + 2), fill=(200, 40, 40))
        sheet.paste(picture, (left, top))
        prompt = textwrap.wrap(sample.prompt, 24)[: TEXT_LINES - 2]
        lineage = [
            f"#{sample.index} {sample.origin} by {sample.model[:6]}",
            f"{'kept' if sample.kept else 'dropped'}, CLIP {sample.score:.3f}",
        ]
        for line_number, line in enumerate(prompt + lineage):
            colour = "black" if line_number < len(prompt) else GREY
            pen.text((left, top + PICTURE + 3 + line_number * LINE), line, fill=colour, font=font)
    if footer:
        pen.text((MARGIN, sheet.height - 14), footer, fill=GREY, font=font)
    return sheet
