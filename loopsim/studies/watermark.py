"""Reading a run's watermarks: what of them is left in its pictures, and what is found where there is none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor

from loopsim.context.models import Models
from loopsim.context.pictures import read_records
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.core.run_folder import STATE
from loopsim.data.attacks import Attacked
from loopsim.data.images import decode_picture
from loopsim.interventions.base import Place
from loopsim.interventions.marking import Marking
from loopsim.interventions.pixel_watermark import PixelWatermark
from loopsim.interventions.registry import acting
from loopsim.interventions.watermark import Watermark
from loopsim.models.classifiers import label_pictures
from loopsim.models.diffusion.inversion import first_noises
from loopsim.models.diffusion.sampler import Sampler
from loopsim.report.watermark import Reading, WatermarkReport, readings
from loopsim.runs.stored_config import stored_config
from loopsim.store.integrity import finished_phases
from loopsim.store.rows import CurationRow, SampleRow
from loopsim.store.store import Store
from loopsim.studies.audit_source import AuditSource, models_of, of_run, session_of
from loopsim.studies.generator_audit import audited_attributes

Advanced = Callable[[int], None]  # so many pictures more were read
USUAL_ATTACKS = ("jpeg:75", "jpeg:50", "noise:0.05", "blur:1", "resize:0.5", "crop:0.5", "zoom:0.8")


@final
@dataclass(frozen=True)
class Marks:
    """A run's S_g whose pictures a watermark marks: the kept ones, what they were marked with, who drew them,
    and the next generator, if the run has it. `notes` say what limits a reading.
    """

    name: str
    generation: int
    samples: Sequence[SampleRow]
    watermark: Marking
    source: AuditSource
    following: AuditSource | None
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        """The generator that drew the pictures, for people."""
        if self.source.config.generate.generator == "oracle":
            return "the oracle"
        return "the base model" if self.source.finetuned is None else f"SD_{self.generation - 1}"


def marks_of(directory: Path, generation: int | None) -> Marks:
    """Return the marks of a run's S_g, by default the last one. Raises ConfigError for a generation without
    marks, DataError for one without pictures or whose generator was let go.
    """
    name = directory.name
    with Store(directory / STATE, readonly=True) as store:
        config = stored_config(store, directory)
        last = max((g for g, phase in finished_phases(store) if phase == "generate"), default=-1) + 1
        chosen = last if generation is None else generation
        kept = {row.index for row in store.scan(CurationRow, chosen) if row.kept}
        samples = [row for row in store.scan(SampleRow, chosen) if row.index in kept]
    active = [one.intervention for one in acting(config.interventions, chosen)]
    marking = [one for one in active if isinstance(one, Marking) and one.acts()]
    if not marking:
        raise ConfigError(
            f"run {name}: no watermark acts on S_{chosen}; a config's [[interventions]] with kind = "
            '"watermark" or "pixel_watermark" marks pictures'
        )
    if not samples:
        raise DataError(f"run {name} has no finished S_{chosen}: `loopsim report` says how far it is")
    notes = []
    if len(marking) > 1:
        notes.append(f"{len(marking)} watermarks act, one over the other: the last one is read")
    by_inversion = isinstance(marking[-1], Watermark)
    changed = [one.name for one in active if Place.WEIGHTS in one.places and one.acts()]
    if by_inversion and changed:
        notes.append(f"read with the generator as it was trained, without {', '.join(changed)}")
    is_base = samples[0].model in ("base", "oracle")
    source = AuditSource(name, config) if is_base else of_run(directory, samples[0].made_in)
    try:
        following = of_run(directory, chosen)
    except DataError:  # not trained yet, or let go
        following = None
    return Marks(name, chosen, samples, marking[-1], source, following, tuple(notes))


def read_watermarks(
    marks: Marks,
    attacks: Sequence[Attacked],
    *,
    num_unmarked: int = 200,
    num_steps: int | None = None,
    advanced: Advanced = lambda num: None,
) -> WatermarkReport:
    """Return what is read of marks, as they are and after each attack, and in pictures without: real ones,
    `num_unmarked` that the same generator draws for the same prompts, and as many of the next one, for marks
    are not to survive a fine-tuning.

    A mark in the noise is read with the generator as it was trained, without prompts, in `num_steps` steps
    backwards (by default as many as drew them); one in pixels needs neither.
    """
    config, watermark = marks.source.config, marks.watermark
    session = session_of(marks.source)
    models = models_of(marks.source, session)
    draws = config.generate.generator != "oracle"  # what that draws without a mark is as the real pictures
    sampler = _sampler(models, marks.source) if draws else None
    size = config.generate.batch_size
    correct = _reader(watermark, sampler, num_steps or config.generate.num_steps)
    names = audited_attributes(models.classifier.values)
    keystreams = watermark.num_keystreams if isinstance(watermark, Watermark) else 1

    def seen(pictures: Sequence[Tensor]) -> list[dict[str, str]]:
        labels = label_pictures(models.classifier, models.detector, pictures)
        return [{name: label[name] for name in names} for label in labels]

    def read(
        kind: str,
        pictures: Sequence[Tensor],
        groups: Sequence[Mapping[str, str]] | None = None,
        attack: str = "",
    ) -> list[Reading]:
        bits = []
        for images in pictures:
            bits.append(correct(images))
            advanced(len(images))
        of_whom = seen(pictures) if groups is None else groups
        return readings(kind, attack, np.concatenate(bits), of_whom, watermark.num_bits, keystreams)

    found = []
    for kind in ("marked", "unmarked"):
        rows = [row for row in marks.samples if watermark.marks(row.seed) == (kind == "marked")]
        pictures = [decode_picture(row.picture) for row in rows]
        if not pictures:
            continue
        groups = seen(_batched(pictures, size))  # of the pictures as they were: an attack fools classifiers
        found += read(kind, _batched(pictures, size), groups)
        for attack in attacks if kind == "marked" else ():
            harmed = [
                attack(picture, numpy_generator("attack", str(attack), row.seed))
                for picture, row in zip(pictures, rows, strict=True)
            ]
            found += read(kind, _batched(harmed, size), groups, str(attack))
    corpus = session.corpus
    real = corpus.records("train", min(config.data.counts()["train"], max(num_unmarked, len(marks.samples))))
    found += read("real", list(read_records(corpus, real, size)))
    if num_unmarked and sampler is not None:
        found += read("drawn", list(_drawn(sampler, marks.samples, num_unmarked, size)))
    if num_unmarked and marks.following is not None:
        following = _sampler(models_of(marks.following), marks.following)
        found += read("next", list(_drawn(following, marks.samples, num_unmarked, size)))
    return WatermarkReport(
        marks.name,
        marks.generation,
        marks.model,
        watermark.num_bits,
        keystreams,
        found,
        marks.notes,
    )


def _reader(watermark: Marking, sampler: Sampler | None, num_steps: int) -> Callable[[Tensor], np.ndarray]:
    """Return what counts the right bits, int [n], of pictures uint8 [n, h, w, 3]."""
    if isinstance(watermark, Watermark):
        assert sampler is not None, "no oracle has a noise that could be marked"
        shading = watermark.shading
        return lambda images: shading.read(first_noises(sampler, images, num_steps))
    assert isinstance(watermark, PixelWatermark), f"nobody reads a {watermark.name}"
    return lambda images: watermark.read(images.numpy())


def _sampler(models: Models, source: AuditSource) -> Sampler:
    return models.sampler(-1 if source.finetuned is None else 0)


def _batched(pictures: Sequence[np.ndarray], size: int) -> list[Tensor]:
    return [
        torch.from_numpy(np.stack(pictures[start : start + size])) for start in range(0, len(pictures), size)
    ]


def _drawn(sampler: Sampler, samples: Sequence[SampleRow], num: int, size: int) -> Iterator[Tensor]:
    prompts = [samples[number % len(samples)].prompt for number in range(num)]
    seeds = [seed_for("watermark", "unmarked", number) for number in range(num)]
    for start in range(0, num, size):
        yield torch.from_numpy(sampler.draw(prompts[start : start + size], seeds[start : start + size]))
