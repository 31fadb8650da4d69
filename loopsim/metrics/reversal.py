"""Biases that change their sign: as large as before, and the other way round.

Drift compares sizes, |m_g| with |m_0|: a bias of -.5 that becomes +.5 has not moved by that. So the signed
value is tested where its sign has changed: Δ = m_g - m_0. Where it has not, both tests are the same, so that
a row is still one test.
"""

from dataclasses import dataclass
from typing import Final, final

REVERSED: Final = "reversed"


@final
@dataclass(frozen=True)
class Crossing:
    """A bias whose sign is another one than at the start: its two signed values, and the 95 % interval of
    their difference.
    """

    start: float
    end: float
    low: float
    high: float

    @property
    def is_seen(self) -> bool:
        """Whether the difference is beyond its noise."""
        return self.low > 0 or self.high < 0

    @property
    def begins_or_ends_at_none(self) -> bool:
        """Whether one of the values is within the noise of no bias at all."""
        return min(abs(self.start), abs(self.end)) <= (self.high - self.low) / 2


def crossing(start: float, end: float, low: float, high: float) -> Crossing | None:
    """Return the change of sign from `start` to `end`, whose difference has the interval [low, high]; None
    where the sign is the same, or one of the values is 0.
    """
    return Crossing(start, end, low, high) if start * end < 0 else None


def verdict_of_bias(low: float, high: float, crossed: Crossing | None) -> str:
    """Return "amplified", "mitigated", "reversed" or "no evidence", given the interval [low, high] of the
    change in size.

    A bias is reversed if its signed value has moved beyond its noise to the other side of 0; but one that
    began, or ended, at about none is amplified, or mitigated, if its size alone says so.
    """
    by_size = "amplified" if low > 0 else "mitigated" if high < 0 else "no evidence"
    if crossed is None or not crossed.is_seen:
        return by_size
    return by_size if by_size != "no evidence" and crossed.begins_or_ends_at_none else REVERSED
