"""Latent directions of one model: fitted, drawn as a strip, and what its pictures do as ω grows."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import torch
from safetensors import SafetensorError

from loopsim.context.models import Models
from loopsim.core.errors import ConfigError
from loopsim.core.files import write_atomically
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.interventions.base import Draw
from loopsim.interventions.latent_direction import SIDES, LatentDirection
from loopsim.interventions.latent_offset import LatentOffset
from loopsim.interventions.latent_shift import LatentShift, Unit
from loopsim.metrics.audit import audit_prompt
from loopsim.metrics.estimate import wilson_interval
from loopsim.models.base_weights import fingerprint_of_generator, weights_folder
from loopsim.models.classifiers import label_pictures
from loopsim.models.diffusion.directions import (
    Directions,
    fit_directions,
    read_about,
    require_fitting,
    steps_collected,
)
from loopsim.models.diffusion.sampler import Sampler
from loopsim.report.directions import Response
from loopsim.studies.audit_source import AuditSource, models_of
from loopsim.studies.generator_audit import audited_attributes

# Which of the classifier's values the sides of an attribute are; of others nobody knows.
VALUES = {"gender": ("man", "woman"), "skin_tone": ("lighter", "darker")}
RANDOM = "random"  # instead of a file: the control
Advanced = Callable[[int, int], None]  # pictures done, of all


def sides_of(
    attribute: str | None, away: str | None, toward: str | None
) -> tuple[str | None, tuple[str, str]]:
    """Return the attribute that is meant, if it has a name, and the prompts of its two sides. Raises
    ConfigError.
    """
    if away is not None and toward is not None and away.strip() and toward.strip():
        if away.strip() == toward.strip():
            raise ConfigError(f"--away and --toward are both {away!r}: give two different prompts")
        return attribute, (away, toward)
    if away is not None or toward is not None:
        raise ConfigError("--away and --toward belong together: a prompt for each side")
    name = attribute or "gender"
    if name not in SIDES:
        raise ConfigError(
            f"--attribute {name}: which prompts draw its two sides? Give --away and --toward; known without: "
            f"{', '.join(SIDES)}"
        )
    return name, SIDES[name]


def read_omegas(text: str) -> list[float]:
    """Return the ω that a text lists, in its order. Raises ConfigError."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(map(math.isfinite, found)):
        raise ConfigError(f"--omegas {text}: write finite numbers with commas between them, as -5,0,5")
    return found


def save(directions: Directions, path: Path) -> None:
    """Write directions as a file, whole or not at all. Raises ConfigError if that cannot be."""
    try:
        write_atomically(path, directions.save)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"-o {path}: cannot be written ({error}); name another file") from error


@final
@dataclass(frozen=True)
class Movable:
    """A generator whose noises are to be moved, opened, and whose it is."""

    source: AuditSource
    models: Models
    sampler: Sampler

    @classmethod
    def of(cls, source: AuditSource) -> "Movable":
        """Return an audit's source, opened."""
        models = models_of(source)
        return cls(source, models, models.sampler(-1 if source.finetuned is None else 0))

    def fit(self, attribute: str | None, sides: tuple[str, str], num_pictures: int) -> Directions:
        """Return the directions of every tenth of the way, bound to this model."""
        name = ("directions", *sides)
        found = fit_directions(
            self.sampler,
            sides,
            [seed_for(*name, "picture", number) for number in range(num_pictures)],
            numpy_generator(*name, "held out").permutation(num_pictures),
            steps_collected(self.sampler.num_steps),
            batch_size=self.source.config.generate.batch_size,
            attribute=attribute,
        )
        finetuned = self.source.finetuned
        bound = {
            "model": _fingerprint(self.source),
            "finetuned": None if finetuned is None else finetuned.name,
        }
        return Directions(found.about.model_copy(update=bound), found.units)

    def draw(self, shift: LatentShift, prompts: Sequence[str], seeds: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield batches of pictures, uint8 [n, h, w, 3], from noises that are moved."""
        size = self.source.config.generate.batch_size
        for start in range(0, len(prompts), size):
            draws = [
                Draw(prompt, prompt, seed)
                for prompt, seed in zip(
                    prompts[start : start + size], seeds[start : start + size], strict=True
                )
            ]
            yield self.sampler.draw(
                [draw.prompt for draw in draws],
                [draw.seed for draw in draws],
                noise=partial(shift.noise, draws=draws),
            )


def shift_for_audit(source: AuditSource, direction: str, omega: float, unit: Unit) -> LatentShift:
    """Return what moves all noises of an audit: along a file's direction, or along "random", the control.

    Raises ConfigError for a file that was not fitted on this generator or its base, or for other pictures.
    """
    if direction == RANDOM:
        return LatentOffset(omega=omega, unit=unit)
    shift, path = LatentDirection(file=direction, omega=omega, unit=unit, stated=True), Path(direction)
    finetuned = None if source.finetuned is None else source.finetuned.name
    image_size = source.config.data.image_size
    require_fitting(path, read_about(path), _fingerprint(source), finetuned, image_size)
    return shift


def draw_rows(
    movable: Movable, file: Path, omegas: Sequence[float], unit: Unit, prompt: str, num: int
) -> list[np.ndarray]:
    """Return, for each of `num` seeds, its pictures for each ω, uint8 [ω, h, w, 3]."""
    columns = []
    for omega in omegas:
        shift = LatentDirection(file=str(file), omega=omega, unit=unit, stated=True)
        seeds = [seed_for("directions", "strip", number) for number in range(num)]
        columns.append(np.concatenate(list(movable.draw(shift, [prompt] * num, seeds))))
    return list(np.stack(columns, axis=1))


def responses(
    movable: Movable,
    file: Path,
    omegas: Sequence[float],
    unit: Unit,
    prompt: str,
    num: int,
    advanced: Advanced = lambda done, total: None,
) -> list[Response]:
    """Return what is drawn for an open prompt, `num` pictures from the same noises for each ω along the
    file's direction and along a random one, as the source's pinned classifier sees it.
    """
    about = read_about(file)
    attribute = about.attribute or ""
    classifier, found, done = movable.models.classifier, [], 0
    values = VALUES.get(attribute) if attribute in classifier.values else None
    seeds = [seed_for("directions", "response", number) for number in range(num)]
    stated = [] if values is None else [about.away] * num + [about.toward] * num
    total = len(omegas) * 2 * (num + len(stated))

    def labels(shift: LatentShift, prompts: Sequence[str], seeds: Sequence[int]) -> list[dict[str, str]]:
        nonlocal done
        seen: list[dict[str, str]] = []
        for images in movable.draw(shift, prompts, seeds):
            seen += label_pictures(classifier, movable.models.detector, [torch.from_numpy(images)])
            done += len(images)
            advanced(done, total)
        return seen

    for control in (False, True):
        for omega in omegas:
            shift: LatentShift = LatentDirection(file=str(file), omega=omega, unit=unit, stated=True)
            if control:
                shift = LatentOffset(omega=omega, unit=unit)
            seen = labels(shift, [prompt] * num, seeds)
            answers = {
                name: audit_prompt(prompt, [label[name] for label in seen], classifier.values[name])
                for name in audited_attributes(classifier.values)
            }
            fidelity = None
            if values is not None:
                shown = labels(shift, stated, [*seeds, *seeds])
                wanted = [value for value in values for _ in range(num)]
                right = sum(s[attribute] == w for s, w in zip(shown, wanted, strict=True))
                fidelity = (right / len(shown), *wilson_interval(right, len(shown)))
            found.append(Response(omega, control, answers, fidelity))
    return found


def _fingerprint(source: AuditSource) -> str:
    return fingerprint_of_generator(source.config, weights_folder(source.config))
