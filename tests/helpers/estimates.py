"""Estimates made by hand, for reports of runs that never were."""

import numpy as np

from loopsim.store.rows import MetricRow


def estimate(
    generation: int, metric: str, value: float | None, group: str = "overall", **more: object
) -> MetricRow:
    """An estimate with replicates around its value; `more` replaces any field."""
    spread = np.zeros(0, np.float32) if value is None else value + np.linspace(-0.1, 0.1, 50)
    fields: dict = {
        "n": 20,
        "low": None if value is None else value - 0.1,
        "high": None if value is None else value + 0.1,
        "is_bias": group.endswith("gap"),
        "reason": "nobody was seen" if value is None else None,
        "section": "clip",
        "baseline": 0,
        "has_model": False,
        "replicates": spread.astype("<f4").tobytes(),
    }
    return MetricRow(generation=generation, metric=metric, group=group, value=value, **(fields | more))
