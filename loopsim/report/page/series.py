"""What one line of a chart stands for: a run, or several that differ in nothing but their seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from scipy import stats

from loopsim.config import as_toml
from loopsim.metrics.estimate import LEVEL
from loopsim.report.answers import Answer, Moved, answers, moved_rows, unsaid_rows
from loopsim.report.headlines import Pair
from loopsim.report.page.contents import RunContents
from loopsim.report.seeds import drift_rows
from loopsim.report.trajectories import Lost

# What may differ between runs of one setting: the seed, and what changes no result.
_NO_SETTING: Final = ("seed", "generations", "num_threads", "keep", "checkpoint_seconds")


@final
@dataclass(frozen=True)
class Point:
    """A value of one generation with its interval, None where there is none."""

    generation: int
    value: float
    low: float | None
    high: float | None


@final
@dataclass(frozen=True)
class Series:
    """Runs of one setting, named by what sets it apart. With several seeds the seed is the unit: values are
    means over runs, with Student's intervals.
    """

    label: str
    runs: Sequence[RunContents]

    @property
    def is_over_seeds(self) -> bool:
        """Whether it is of several runs."""
        return len(self.runs) > 1

    @cached_property
    def generations(self) -> list[int]:
        """The generations that all its runs have measured."""
        sets = [set(run.summary.generations) for run in self.runs]
        return sorted(set.intersection(*sets)) if sets else []

    @cached_property
    def points(self) -> Mapping[Pair, list[Point]]:
        """Each row's values over the generations."""
        values: dict[tuple[str, str, int], list[tuple[float, float | None, float | None]]] = {}
        for run in self.runs:
            for row in run.summary.metrics:
                if row.value is not None:
                    values.setdefault((row.metric, row.group, row.generation), []).append(
                        (row.value, row.low, row.high)
                    )
        found: dict[Pair, list[Point]] = {}
        for (metric, group, generation), known in values.items():
            if generation in self.generations and len(known) == len(self.runs):
                found.setdefault((metric, group), []).append(Point(generation, *_summed(known)))
        return found

    @cached_property
    def sections(self) -> Mapping[Pair, str]:
        """Where in the report each row stands."""
        return {(row.metric, row.group): row.section for run in self.runs for row in run.summary.metrics}

    @cached_property
    def moved(self) -> Mapping[int, list[Moved]]:
        """How far each row has moved, by generation."""
        if not self.is_over_seeds:
            return {g: moved_rows(self.runs[0].summary, g) for g in self.generations}
        return {g: self._over_seeds(g) for g in self.generations}

    def _over_seeds(self, generation: int) -> list[Moved]:
        rows = {(row.metric, row.group): row for run in self.runs for row in run.summary.metrics}
        found = []
        for drift in self._drifts:
            pair = (drift.metric, drift.group)
            points = {point.generation: point.value for point in self.points.get(pair, [])}
            base = rows[pair].baseline
            if drift.generation == generation and base in points and generation in points:
                found.append(
                    Moved(
                        *pair, points[base], points[generation], drift.delta, drift.low, drift.high,
                        drift.verdict, rows[pair].is_bias, rows[pair].section,
                    )
                )  # fmt: skip
        return found

    @cached_property
    def _drifts(self) -> Sequence[Any]:
        return drift_rows([run.summary for run in self.runs])

    @property
    def lost(self) -> list[Lost]:
        """The groups that cannot be measured any more at the last generation, in any of the runs."""
        return [
            one for run in self.runs for one in run.summary.lost if one.generation == self.generations[-1]
        ]

    @property
    def last(self) -> list[Moved]:
        """How far each row has moved at the last generation."""
        return self.moved[self.generations[-1]] if self.generations else []

    @cached_property
    def answers(self) -> list[Answer]:
        """The four answers, at the last generation."""
        unsaid: dict[Pair, str] = {}
        for run in self.runs if self.generations else ():
            unsaid |= unsaid_rows(run.summary, self.generations[-1])
        return answers(self.last, unsaid, self.lost)


def _summed(
    known: Sequence[tuple[float, float | None, float | None]],
) -> tuple[float, float | None, float | None]:
    if len(known) == 1:
        return known[0]
    values = np.array([value for value, _, _ in known], np.float64)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def series_of(runs: Sequence[RunContents]) -> list[Series]:
    """Return runs as series: those whose configs differ in the seed alone together, if their seeds differ."""
    settings = [_flat(run.config.model_dump(mode="json", exclude_none=True)) for run in runs]
    differing = [
        key
        for key in dict.fromkeys(key for setting in settings for key in setting)
        if key not in _NO_SETTING and len({repr(setting.get(key)) for setting in settings}) > 1
    ]
    found: dict[str, list[RunContents]] = {}
    for run, setting in zip(runs, settings, strict=True):
        told = ", ".join(_in_words(key, setting.get(key)) for key in differing)
        found.setdefault(told, []).append(run)
    series = []
    for told, all_same in found.items():
        same = _longest(all_same)
        if len(same) > 1 and len({run.config.seed for run in same}) == len(same):
            series.append(Series(told or f"{len(same)} seeds", same))
        else:
            series += [Series(run.name, [run]) for run in same]
    labels = [one.label for one in series]
    return [
        one if labels.count(one.label) == 1 else Series(f"{one.label} ({number + 1})", one.runs)
        for number, one in enumerate(series)
    ]


def _longest(runs: Sequence[RunContents]) -> list[RunContents]:
    """Return runs of one setting without those whose seed a longer one has, too: the trunk of its forks."""
    lengths = {run.config.seed: 0 for run in runs}
    for run in runs:
        lengths[run.config.seed] = max(lengths[run.config.seed], len(run.summary.generations))
    return [run for run in runs if len(run.summary.generations) == lengths[run.config.seed]]


def _in_words(key: str, value: Any) -> str:
    if key != "interventions":
        return f"{key} = {'none' if value is None else as_toml(value)}"
    return " and ".join(map(_intervention, value or ())) or "no intervention"


def _intervention(entry: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name} = {as_toml(value)}" for name, value in entry.items() if name != "kind")
    kind = str(entry["kind"]).replace("_", " ")
    return f"{kind} ({given})" if given else kind


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found
