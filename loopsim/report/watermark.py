"""What was read of a run's watermarks: bits that are right, marks found, and false ones, by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from loopsim.metrics.estimate import wilson_interval
from loopsim.metrics.watermark import bits_needed

Interval = tuple[float, float, float]  # value, low, high
RATES: Final = (1e-6, 1e-2)  # shares of unmarked pictures that may be taken for marked ones
OVERALL = "overall"


@final
@dataclass(frozen=True)
class Reading:
    """What was read of `n` pictures of one kind (`marked`, `unmarked`, `real`, `drawn`, `next`), after an
    `attack` or none, of one group.

    `accuracy` is the mean share of right bits with a 95 % interval over pictures; `found` the share of
    pictures taken for marked at each rate, with Wilson's interval.
    """

    pictures: str
    attack: str
    group: str
    n: int
    accuracy: Interval
    found: Mapping[float, Interval]


@final
@dataclass(frozen=True)
class WatermarkReport:
    """Readings of the marks of S_g, of `num_bits` bits and under `num_keystreams` keystreams.

    `model` is the generator that pictures were read with, `notes` what limits the reading.
    """

    title: str
    generation: int
    model: str
    num_bits: int
    num_keystreams: int
    readings: Sequence[Reading]
    notes: Sequence[str] = ()

    def needed(self, rate: float) -> float | None:
        """Return the share of bits that must be right at a rate; None if no picture can be found at it."""
        bits = bits_needed(self.num_bits, rate, self.num_keystreams)
        return None if bits is None else bits / self.num_bits


def readings(
    pictures: str,
    attack: str,
    correct: np.ndarray,
    groups: Sequence[Mapping[str, str]],
    num_bits: int,
    num_keystreams: int,
) -> list[Reading]:
    """Return the readings of pictures with `correct` right bits (int [n]), overall and by group."""
    of_group: dict[str, list[int]] = {OVERALL: list(range(len(correct)))}
    for position, labels in enumerate(groups):
        for attribute, value in labels.items():
            if not value:  # nobody is seen in it
                continue
            of_group.setdefault(f"{attribute}={value}", []).append(position)
    needed = {rate: bits_needed(num_bits, rate, num_keystreams) for rate in RATES}
    return [
        Reading(
            pictures,
            attack,
            group,
            len(rows),
            _mean(correct[rows] / num_bits),
            {rate: _share(correct[rows], bits) for rate, bits in needed.items()},
        )
        for group, rows in sorted(of_group.items(), key=lambda entry: (entry[0] != OVERALL, entry[0]))
        if rows
    ]


def _mean(values: np.ndarray) -> Interval:
    half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("inf")
    value = float(values.mean())
    return value, max(0.0, value - half), min(1.0, value + half)


def _share(correct: np.ndarray, bits: int | None) -> Interval:
    found = 0 if bits is None else int((correct >= bits).sum())
    return found / len(correct), *wilson_interval(found, len(correct))


def watermark_as_json(report: WatermarkReport) -> dict[str, Any]:
    """Return the document that `loopsim watermark --json` prints."""
    return {
        "title": report.title,
        "generation": report.generation,
        "model": report.model,
        "num_bits": report.num_bits,
        "num_keystreams": report.num_keystreams,
        "bits_needed": {f"{rate:g}": report.needed(rate) for rate in RATES},
        "notes": list(report.notes),
        "readings": [
            {
                "pictures": row.pictures,
                "attack": row.attack,
                "group": row.group,
                "n": row.n,
                "accuracy": _interval(row.accuracy),
                "found": {f"{rate:g}": _interval(share) for rate, share in row.found.items()},
            }
            for row in report.readings
        ],
    }


def _interval(found: Interval) -> dict[str, float]:
    return dict(zip(("value", "low", "high"), found, strict=True))
