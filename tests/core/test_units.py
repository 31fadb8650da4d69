"""Numbers with units."""

import pytest

from loopsim.core.units import readable_bytes, readable_time


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.001, "< 0.1 s"), (12.34, "12.3 s"), (90, "1.5 min"), (5400, "1.5 h"), (400_000, "4.6 d")],
)
def test_times_are_told_in_the_unit_that_suits(seconds: float, told: str) -> None:
    assert readable_time(seconds) == told


def test_bytes() -> None:
    assert [readable_bytes(n) for n in (500, 31.8e6, 2e12)] == ["0 kB", "31.8 MB", "2.0 TB"]
