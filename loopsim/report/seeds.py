"""Drift over runs that differ in their seed alone: the seed is the resampling unit and replaces items and
retraining.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from loopsim.metrics.drift import Drift, drift_over_seeds, with_sign, with_verdicts
from loopsim.report.summary import Summary


@final
@dataclass(frozen=True)
class SeedRow:
    """The mean drift of one row over `num_seeds` runs at a generation, with Student's interval over seeds and
    the verdict.
    """

    generation: int
    metric: str
    group: str
    num_seeds: int
    delta: float
    low: float
    high: float
    p_value: float
    verdict: str


def drift_rows(summaries: Sequence[Summary]) -> list[SeedRow]:
    """Return a row for each metric, group and generation that all runs have; at least two runs are needed for
    an interval.
    """
    deltas: dict[tuple[int, str, str], list[float]] = {}
    for summary in summaries:
        for row in summary.drift:
            deltas.setdefault((row.generation, row.metric, row.group), []).append(row.delta)
    biases = {(row.metric, row.group): row.is_bias for summary in summaries for row in summary.metrics}
    ways = [_ways(summary) for summary in summaries]
    rows: list[SeedRow] = []
    for generation in sorted({generation for generation, _, _ in deltas}):
        in_all = [
            place
            for place, values in deltas.items()
            if place[0] == generation and len(values) == len(summaries)
        ]
        drifts = [
            _of_bias(deltas[place], [way[place] for way in ways if place in way])
            if biases[place[1:]]
            else drift_over_seeds(deltas[place], is_bias=False)
            for place in in_all
        ]
        found = [(place, drift) for place, drift in zip(in_all, drifts, strict=True) if drift is not None]
        for (place, _), d in zip(found, with_verdicts([drift for _, drift in found]), strict=True):
            rows.append(SeedRow(*place, len(summaries), d.delta, d.low, d.high, d.p_value, d.verdict))
    return rows


def _ways(summary: Summary) -> dict[tuple[int, str, str], tuple[float, float]]:
    """Return from where to where each bias went, with its sign, by generation, metric and group."""
    values = {(row.generation, row.metric, row.group): row.value for row in summary.metrics if row.is_bias}
    found = {}
    for row in summary.metrics:
        start = values.get((row.baseline, row.metric, row.group))
        if start is not None and row.value is not None:
            found[row.generation, row.metric, row.group] = (start, row.value)
    return found


def _of_bias(deltas: Sequence[float], ways: Sequence[tuple[float, float]]) -> Drift | None:
    """Return the drift of a bias's size over seeds, or of its sign, where that is another one on average."""
    found = drift_over_seeds(deltas, is_bias=True)
    if not ways:
        return found
    starts, ends = np.array(ways).T
    signed = drift_over_seeds(list(ends - starts), is_bias=False)
    return with_sign(found, signed, float(starts.mean()), float(ends.mean()))


def seeds_as_json(settings: Sequence[tuple[Mapping[str, Any], Sequence[SeedRow]]]) -> list[dict[str, Any]]:
    """Return the document that `loopsim sweep --json` prints."""
    return [{"setting": dict(setting), "drift": [asdict(row) for row in rows]} for setting, rows in settings]
