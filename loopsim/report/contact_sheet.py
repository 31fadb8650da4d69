"""A contact sheet: a generation's samples with their captions and lineage, as one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from PIL import Image, ImageDraw

from loopsim.core.errors import ConfigError, CorruptRun, RunNotFound
from loopsim.core.files import write_atomically
from loopsim.core.output import refusals_told
from loopsim.core.run_folder import STATE
from loopsim.core.text import printable
from loopsim.data.images import decode_picture
from loopsim.report.lettering import Lettering
from loopsim.runs.catalog import require_generation
from loopsim.runs.stored_config import config_of_tree
from loopsim.store.rows import ConfigRow, CurationRow, SampleRow
from loopsim.store.store import Store

PICTURE, LINE, MARGIN = 128, 13, 10
TEXT_LINES = 6  # of a caption, and of a prompt
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
BLACK, GREY, BLUE, RED = "black", (90, 90, 90), (30, 70, 160), (200, 40, 40)
Line = tuple[str, str | tuple[int, int, int]]  # a line of text and its colour


@final
@dataclass(frozen=True)
class SheetSample:
    """One candidate of S_g with its lineage, and what became of it."""

    sample: SampleRow
    curation: CurationRow


def load_sheet_samples(directory: Path, generation: int, limit: int) -> list[SheetSample]:
    """Return up to `limit` samples of S_g, spread over the generation. Raises RunNotFound if it has none (S_0
    never has).
    """
    with Store(directory / STATE, readonly=True) as store:
        config = store.get(ConfigRow)
        if config is not None:
            planned = config_of_tree(config.tree, directory).generations
            require_generation(directory, generation, planned)
        keys = store.keys(CurationRow, generation)
        if not keys:
            what = "generation 0 is real data only" if generation == 0 else "it has not been drawn yet"
            raise RunNotFound(f"run {directory.name} has no samples of generation {generation}: {what}")
        shown = min(limit, len(keys))
        samples = []
        for key in (keys[position * len(keys) // shown] for position in range(shown)):
            sample, curation = store.get(SampleRow, *key), store.get(CurationRow, *key)
            if sample is None or curation is None:
                raise CorruptRun(
                    f"run {directory.name}: candidate {key[-1]} of generation {generation} has no "
                    "picture; see `loopsim verify`"
                )
            samples.append(SheetSample(sample, curation))
    return samples


def draw_sheet(
    samples: Sequence[SheetSample], run: str, generation: int, footer: str | None, columns: int = 8
) -> Image.Image:
    """Return the sheet: small pictures enlarged without smoothing; under each its caption, in blue what the
    generator read instead where an intervention rewrote it, and its lineage; a red frame around those that
    curation dropped.
    """
    num_kept = sum(item.curation.kept for item in samples)
    title = f"{printable(run)}, generation {generation}: {len(samples)} samples, {num_kept} kept"
    legend = [
        "red frame: dropped by curation",
        *(["blue: the prompt"] if any(map(_is_rewritten, samples)) else []),
    ]
    small, large = Lettering(10), Lettering(14)
    texts = [_lines(item, small) for item in samples]
    cell_width = PICTURE + 2 * MARGIN
    cell_height = PICTURE + max(map(len, texts), default=0) * LINE + 2 * MARGIN
    rows = -(-len(samples) // columns)
    notes = footnotes(footer, small)
    height = rows * cell_height + 34 + 16 * max(len(notes), 1)
    sheet = Image.new("RGB", (columns * cell_width, height), "white")
    pen = ImageDraw.Draw(sheet)
    large.draw(pen, (MARGIN, 8), f"{title} ({'; '.join(legend)})", BLACK)
    for number, (item, text) in enumerate(zip(samples, texts, strict=True)):
        left, top = number % columns * cell_width + MARGIN, number // columns * cell_height + 34
        if not item.curation.kept:
            pen.rectangle((left - 3, top - 3, left + PICTURE + 2, top + PICTURE + 2), fill=RED)
        sheet.paste(enlarged(item.sample.picture), (left, top))
        for line_number, (line, colour) in enumerate(text):
            small.draw(pen, (left, top + PICTURE + 3 + line_number * LINE), line, colour)
    for number, note in enumerate(reversed(notes)):
        small.draw(pen, (MARGIN, sheet.height - 14 - 16 * number), note, GREY)
    return sheet


def footnotes(footer: str | None, lettering: Lettering) -> list[str]:
    """Return what stands at a sheet's foot: letters that no font here has, and whose pictures these are."""
    notes = [printable(footer)] if footer else []
    if lettering.lacking:
        codes = ", ".join(f"U+{ord(letter[0]):04X}" for letter in sorted(lettering.lacking)[:8])
        notes.insert(0, f"no font of this machine has {codes}: install one that does (Noto has most)")
    return notes


def save_sheet(sheet: Image.Image, path: Path, option: str = "-o") -> None:
    """Write a sheet as the picture that its name says (.png, .jpg, .webp), whole or not at all. Raises
    ConfigError, naming the command's option, for another name, or if that cannot be.
    """
    format_ = FORMATS.get(path.suffix.lower())
    if format_ is None:
        raise ConfigError(f"{option} {path}: name a {', '.join(FORMATS)} file")
    with refusals_told(path, option):
        write_atomically(path, lambda place: sheet.save(place, format=format_, quality=92))


def enlarged(picture: bytes) -> Image.Image:
    """Return a stored picture as sheets show it: small ones without smoothing."""
    original = Image.fromarray(decode_picture(picture))
    smoothing = Image.Resampling.NEAREST if original.width <= PICTURE else Image.Resampling.LANCZOS
    return original.resize((PICTURE, PICTURE), smoothing)


def _is_rewritten(item: SheetSample) -> bool:
    return item.sample.prompt != item.sample.caption or item.sample.negative != ""


def _lines(item: SheetSample, lettering: Lettering) -> list[Line]:
    """Return what stands under a picture."""
    sample, curation = item.sample, item.curation

    def wrapped(text: str) -> list[str]:
        return lettering.wrapped(text, PICTURE + MARGIN, TEXT_LINES)

    lines: list[Line] = [(line, BLACK) for line in wrapped(sample.caption)]
    if _is_rewritten(item):
        read = sample.prompt + (f" (not: {sample.negative})" if sample.negative else "")
        lines += [(line, BLUE) for line in wrapped(read)]
    return [
        *lines,
        (printable(f"#{sample.index}, SD_{sample.generation - 1}, text: {sample.origin}"), GREY),
        (f"{'kept' if curation.kept else 'dropped'}, CLIP {curation.clip_score:.3f}", GREY),
    ]
