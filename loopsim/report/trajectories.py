"""Rows of a run as trajectories: from its baselines on, over the same set of groups."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from loopsim.metrics.drift import Trajectory
from loopsim.store.rows import AddedReplicateRow, EstimateRow, MeasuredRow, ReplicateRow

GAP = " gap"
Place = tuple[str, str]  # metric, group
Series = tuple[float, np.ndarray]  # a value with its replicates [B]


@final
@dataclass(frozen=True)
class Lost:
    """A group that could be measured at the baseline, and cannot be any more: a verdict of its own."""

    generation: int
    metric: str
    group: str
    first: float
    n: int
    reason: str


@final
class History:
    """What a run has measured, by place and generation, and what its replicates of the baseline show."""

    def __init__(
        self, measured: Iterable[MeasuredRow], retrained: Iterable[ReplicateRow | AddedReplicateRow]
    ) -> None:
        self.rows: dict[Place, dict[int, MeasuredRow]] = {}
        for row in measured:
            self.rows.setdefault((row.metric, row.group), {})[row.generation] = row
        self._again: dict[Place, dict[int, EstimateRow]] = {}
        for again in retrained:
            self._again.setdefault((again.metric, again.group), {})[again.replicate] = again
        self._groups: dict[str, list[str]] = {}
        for metric, group in self.rows:
            self._groups.setdefault(metric, []).append(group)

    def trajectories(self, generation: int) -> Iterator[tuple[MeasuredRow, Trajectory]]:
        """Yield each row of a generation that has a way there from its baseline, with that way."""
        for place, rows in self.rows.items():
            row = rows.get(generation)
            if row is not None and generation > row.baseline:
                found = self._trajectory(place, row)
                if found is not None:
                    yield row, found

    def lost(self, generation: int) -> Iterator[Lost]:
        """Yield the groups that cannot be measured any more at a generation."""
        for (metric, group), rows in self.rows.items():
            row = rows.get(generation)
            if row is None or row.value is not None or "=" not in group:
                continue
            start = rows.get(row.baseline)
            if start is not None and start.value is not None and generation > row.baseline:
                yield Lost(generation, metric, group, start.value, row.n, row.reason or "")

    def _trajectory(self, place: Place, row: MeasuredRow) -> Trajectory | None:
        rows = self.rows[place]
        past = [rows[g] for g in sorted(rows) if row.baseline < g <= row.generation]
        start = rows.get(row.baseline)
        starts = [] if start is None else [start, *self._again.get(place, {}).values()]
        members = self._members(place, row)
        if members is None:
            first, later = [_series(one) for one in starts], [_series(one) for one in past]
        else:
            first, later = self._gaps(members, row)
        steps = [
            (one.generation - row.baseline, series)
            for one, series in zip(past, later, strict=True)
            if series is not None
        ]
        known = [series for series in first if series is not None]
        if not known or first[0] is None or not steps or steps[-1][0] != row.generation - row.baseline:
            return None
        length = len(known[0][1])
        if not length or any(len(series[1]) != length for series in (*known, *(s for _, s in steps))):
            return None
        return Trajectory(
            np.array([value for value, _ in known]),
            np.stack([resampled for _, resampled in known]),
            [step for step, _ in steps],
            np.array([value for _, (value, _) in steps]),
            np.stack([resampled for _, (_, resampled) in steps]),
            row.is_bias,
            row.has_model,
        )

    def _members(self, place: Place, row: MeasuredRow) -> Sequence[str] | None:
        """Return the groups that a gap can be told over all the way, where they are fewer than at some
        generation; None for what is no gap, or needs no other one.
        """
        metric, group = place
        if not group.endswith(GAP):
            return None
        attribute = group.removesuffix(GAP)
        members = [one for one in self._groups[metric] if one.startswith(f"{attribute}=")]
        way = [g for g in self.rows[place] if row.baseline <= g <= row.generation]
        present = [
            {one for one in members if (at := self.rows[metric, one].get(g)) and at.value is not None}
            for g in way
        ]
        common = set.intersection(*present) if present else set()
        return None if all(one == common for one in present) else sorted(common)

    def _gaps(
        self, members: Sequence[str], row: MeasuredRow
    ) -> tuple[list[Series | None], list[Series | None]]:
        """Return the gaps over some groups only: of the baselines, and of the generations after them."""
        gap, places = (row.metric, row.group), [(row.metric, one) for one in members]
        way = [g for g in sorted(self.rows[gap]) if row.baseline <= g <= row.generation]
        over = [_gap([self.rows[place].get(g) for place in places]) for g in way]
        numbers = self._again.get(gap, {})
        again = [_gap([self._again.get(place, {}).get(k) for place in places]) for k in numbers]
        return [over[0], *again], over[1:]


def _series(row: EstimateRow) -> Series | None:
    return None if row.value is None else (row.value, row.resampled)


def _gap(rows: Sequence[EstimateRow | None]) -> Series | None:
    """Return max - min over groups, replicate by replicate."""
    series = [None if row is None else _series(row) for row in rows]
    known = [one for one in series if one is not None]
    if len(known) < 2 or len(known) < len(series):
        return None
    values, replicates = [one[0] for one in known], np.stack([one[1] for one in known])
    return max(values) - min(values), replicates.max(0) - replicates.min(0)
