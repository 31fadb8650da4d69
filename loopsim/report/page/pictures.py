"""Pictures of a run for its page: small, and in the page's own text."""

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import final

from PIL import Image

from loopsim.config import SHIPPED, ResolvedConfig
from loopsim.core.errors import LoopsimError
from loopsim.core.text import printable
from loopsim.data.images import decode_picture
from loopsim.report.filmstrip import films
from loopsim.report.plain_words import group_in_words
from loopsim.store.rows import CurationRow, ItemsRow, SampleRow
from loopsim.store.store import Store

SIDE = 112  # pixels: larger pictures are scaled down to it
PROMPTS, PER_GROUP, ALL = 8, 6, 24
NOBODY = "nobody was seen"


@final
@dataclass(frozen=True)
class Frame:
    """A picture of a strip: who drew it, and it, as a data URI; None where that generator drew none."""

    drawn_by: str
    source: str | None


@final
@dataclass(frozen=True)
class Strip:
    """The answers of SD_0, SD_1, … to one prompt from one seed."""

    prompt: str
    seed: int
    frames: tuple[Frame, ...]


@final
@dataclass(frozen=True)
class Sample:
    """A picture of S_g with its lineage, for people."""

    source: str
    caption: str
    lineage: Mapping[str, str]


def strips(store: Store, generations: Sequence[int]) -> list[Strip]:
    """Return what the generators of S_1 … S_g drew for the same neutral prompts from the same seeds."""
    return [
        Strip(printable(film.prompt), film.seed, tuple(map(_frame, film.generations, film.frames)))
        for film in films(store, generations, PROMPTS)
    ]


def _frame(generation: int, picture: bytes | None) -> Frame:
    return Frame(f"SD_{generation - 1}", None if picture is None else as_source(picture))


def samples_by_group(store: Store, config: ResolvedConfig, generation: int) -> dict[str, list[Sample]]:
    """Return some of what was kept of S_g by what the pinned classifier saw in it, with their lineage; under
    one name if that was not stored.
    """
    curation = {row.index: row for row in store.scan(CurationRow, generation)}
    kept = [index for index, row in curation.items() if row.kept]
    groups = _groups(store, config, generation, len(kept))
    found: dict[str, list[Sample]] = {}
    for index, group in zip(kept, groups, strict=True):
        limit = PER_GROUP if group else ALL
        if len(found.setdefault(group, [])) < limit:
            row = store.get(SampleRow, generation, index)
            if row is not None:
                found[group].append(_sample(row, curation[index]))
    return dict(sorted(found.items()))


def _groups(store: Store, config: ResolvedConfig, generation: int, num: int) -> list[str]:
    """Return each kept picture's group, of the first two attributes; "" where nothing is stored of it."""
    items = store.get(ItemsRow, generation, "sample_share")
    known = _labels(config)
    if items is None or items.shape != (num, len(known)):
        return [""] * num
    columns = [
        (place, name, values)
        for place, (name, values) in enumerate(known.items())
        if name in ("gender", "skin_tone", "race", "age")
    ][:2]
    found = []
    for row in items.scores:
        seen = [f"{name}={v[int(row[place])]}" for place, name, v in columns if math.isfinite(row[place])]
        found.append(group_in_words(" & ".join(seen)) if seen or not columns else NOBODY)
    return found


def _labels(config: ResolvedConfig) -> Mapping[str, Sequence[str]]:
    """Return what the pinned classifier can say, by attribute in its order; nothing if it is not at hand any
    more.
    """
    try:
        if config.classifier.kind == SHIPPED:  # without torch, which takes longer than the rest of the page
            folder = config.base_weights or resources.files("loopsim") / "assets"
            known: dict[str, list[str]] = json.loads(
                (Path(str(folder)) / "classifier" / "confusion.json").read_text()
            )["values"]
            return known
        from loopsim.models.base_weights import weights_folder
        from loopsim.models.classifiers import labels_of

        return labels_of(config.classifier, weights_folder(config))
    except (LoopsimError, OSError, ValueError, KeyError):
        return {}


def _sample(row: SampleRow, curation: CurationRow) -> Sample:
    told = {
        "caption": row.caption,
        "prompt": row.prompt if row.prompt != row.caption else "as the caption",
        "written by": "a person" if row.origin == "original" else f"captioner_{row.made_in}",
        "drawn by": f"SD_{row.made_in} ({row.model[:8]})",
        "seed": str(row.seed),
        "CLIP's score": f"{curation.clip_score:.3f}",
        "candidate": f"{row.index} of S_{row.generation}",
    }
    if row.negative:
        told["not"] = row.negative
    lineage = {name: printable(value) for name, value in told.items()}
    return Sample(as_source(row.picture), printable(row.caption), lineage)


def as_source(picture: bytes) -> str:
    """Return a stored picture as a data URI: as it is if it is small, else a smaller JPEG."""
    image = Image.fromarray(decode_picture(picture))
    if max(image.size) > SIDE:
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
