"""What was found of latent directions: how well each step separates the sides, and what pictures do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from loopsim.core.text import printable
from loopsim.metrics.audit import PromptAudit
from loopsim.metrics.estimate import wilson_interval
from loopsim.models.diffusion.directions import Directions

PICTURE, MARGIN, TOP, BOTTOM = 128, 6, 46, 24
BLACK, GREY = "black", (90, 90, 90)
Interval = tuple[float, float, float]  # a share, and the ends of its 95 % Wilson interval


@final
@dataclass(frozen=True)
class StepAccuracy:
    """How many of `n` held-out latents of a step the SVM puts on their side; chance is 0.5."""

    step: int
    way: float  # 0: the first step, 0.2: a fifth of the way
    accuracy: Interval
    n: int


@final
@dataclass(frozen=True)
class Response:
    """What a model draws of an open prompt when noises are moved by ω.

    `answers` are by attribute. `fidelity`: the share of pictures, for prompts that state a side and with
    noises moved as much, that show that side; None if it is not known which of the classifier's values the
    sides are. `control`: along a random direction.
    """

    omega: float
    control: bool
    answers: Mapping[str, PromptAudit]
    fidelity: Interval | None


@final
@dataclass(frozen=True)
class FoundDirections:
    """Directions of a model, named `title`, and, if it was asked for, how its pictures respond to ω."""

    title: str
    directions: Directions
    unit: str = "sd"
    prompt: str = ""
    responses: Sequence[Response] = ()

    @property
    def accuracies(self) -> list[StepAccuracy]:
        """A row for each step."""
        about = self.directions.about
        n = about.num_held_out
        return [
            StepAccuracy(step, step / about.num_steps, (share, *wilson_interval(round(share * n), n)), n)
            for step, share in sorted(about.accuracies.items())
        ]

    def is_monotone(self, attribute: str, value: str) -> bool | None:
        """Return whether a value's share never falls as ω grows; None if fewer than two ω were asked for."""
        rows = sorted(
            (r.omega, r.answers[attribute].shares[value][0])
            for r in self.responses
            if not r.control and r.answers[attribute].shares
        )
        shares = [share for _, share in rows]
        return None if len(shares) < 2 else all(a <= b for a, b in pairwise(shares))


def directions_as_json(found: FoundDirections) -> dict[str, Any]:
    """Return the document that `loopsim directions --json` prints."""
    about = found.directions.about
    steps = [
        {"step": row.step, "way": row.way, "accuracy": _interval(row.accuracy), "n": row.n}
        for row in found.accuracies
    ]
    responses = [
        {
            "omega": row.omega,
            "control": row.control,
            "n": next(iter(row.answers.values())).num_pictures,
            "unlabelled": {attribute: answer.unlabelled for attribute, answer in row.answers.items()},
            "shares": {
                attribute: {value: _interval(share) for value, share in answer.shares.items()}
                for attribute, answer in row.answers.items()
            },
            "fidelity": None if row.fidelity is None else _interval(row.fidelity),
        }
        for row in found.responses
    ]
    fitted = about.model_dump(mode="json", exclude={"accuracies", "num_held_out"})
    return {"title": found.title, "fitted": fitted, "steps": steps} | (
        {"prompt": found.prompt, "unit": found.unit, "responses": responses} if responses else {}
    )


def draw_strip(
    rows: Sequence[np.ndarray], omegas: Sequence[float], unit: str, title: str, footer: str
) -> Image.Image:
    """Return a picture of pictures: a row for each of `rows`, uint8 [ω, h, w, 3] from one seed, and a column
    for each ω, which stands above it.
    """
    cell = PICTURE + MARGIN
    strip = Image.new("RGB", (len(omegas) * cell + MARGIN, TOP + len(rows) * cell + BOTTOM), "white")
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(size=12)
    pen.text((MARGIN, 6), printable(title), fill=BLACK, font=font)
    for column, omega in enumerate(omegas):
        text = f"omega {omega:+g} {unit}" if omega else "omega 0"  # the font has no Greek
        pen.text((MARGIN + column * cell, TOP - 18), text, fill=BLACK, font=font)
    for number, images in enumerate(rows):
        for column, image in enumerate(images):
            picture = Image.fromarray(image)
            smoothing = Image.Resampling.NEAREST if picture.width <= PICTURE else Image.Resampling.LANCZOS
            place = (MARGIN + column * cell, TOP + number * cell)
            strip.paste(picture.resize((PICTURE, PICTURE), smoothing), place)
    pen.text((MARGIN, strip.height - BOTTOM + 4), printable(footer), fill=GREY, font=font)
    return strip


def _interval(share: Interval) -> dict[str, float]:
    return dict(zip(("value", "low", "high"), share, strict=True))
