"""Which rows of runs a figure or a table shows, and their numbers: a curve for each row and setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from loopsim.core.errors import ConfigError
from loopsim.metrics.estimate import OVERALL
from loopsim.report.answers import Moved
from loopsim.report.headlines import HEADLINES, Pair
from loopsim.report.page.contents import read_contents
from loopsim.report.page.series import Point, Series, series_of
from loopsim.report.plain_words import group_in_words, row_in_words

MOST_PANELS: Final = 24
_GROUPS_WITHOUT_HEADLINE = 4


@final
@dataclass(frozen=True)
class Curve:
    """One row of one setting over the generations; `number` is the setting's place among all of them."""

    label: str
    number: int
    points: Sequence[Point]
    moved: Sequence[Moved | None]  # since the baseline, beside each point; None at the baseline


@final
@dataclass(frozen=True)
class Panel:
    """A row of the report with a curve for each setting that has it."""

    pair: Pair
    curves: Sequence[Curve]

    @property
    def title(self) -> str:
        """The row in words."""
        return row_in_words(*self.pair)


def panels_of(directories: Sequence[Path], metrics: Sequence[str], groups: Sequence[str] = ()) -> list[Panel]:
    """Return a panel for each row asked for: of the metrics of these names (or whose names begin so), the
    groups of these names, or without any those that a report shows unasked.

    Raises ConfigError if no run has such a row with a value, or too many have.
    """
    series = series_of([read_contents(directory, pictures=False) for directory in directories])
    known = list(dict.fromkeys(pair for one in series for pair in one.points))
    pairs = [pair for wanted in metrics for pair in _rows_of(wanted, known, groups)]
    pairs = list(dict.fromkeys(pairs))
    for group in groups:
        if not any(group in (own, group_in_words(own)) for _, own in pairs):
            raise ConfigError(f"--group {group}: none of {', '.join(metrics)} has it; write it out")
    if len(pairs) > MOST_PANELS:
        raise ConfigError(
            f"{len(pairs)} panels are too many for one figure (at most {MOST_PANELS}); ask for fewer with "
            "--metric and --group"
        )
    return [Panel(pair, _curves(pair, series)) for pair in pairs]


def _curves(pair: Pair, series: Sequence[Series]) -> list[Curve]:
    found = []
    for number, one in enumerate(series):
        points = one.points.get(pair, [])
        if points:
            moved = [
                next((row for row in one.moved[point.generation] if (row.metric, row.group) == pair), None)
                for point in points
            ]
            found.append(Curve(one.label, number, points, moved))
    return found


def _rows_of(metric: str, known: Sequence[Pair], groups: Sequence[str]) -> list[Pair]:
    """Return the rows of one --metric, in the runs' order."""
    names = list(dict.fromkeys(name for name, _ in known))
    chosen = [metric] if metric in names else [name for name in names if name.startswith(metric)]
    if not chosen:
        raise ConfigError(
            f"--metric {metric}: no value of it in these runs; they have {', '.join(names) or 'none yet'}"
        )
    found = []
    for name in chosen:
        own = [group for one, group in known if one == name]
        found += [(name, group) for group in (_asked(own, groups) if groups else _shown(name, own))]
    if not found:
        own = [group for one, group in known if one in chosen]
        raise ConfigError(
            f"--group {groups[0]}: {metric} has no such group; it has {', '.join(dict.fromkeys(own))}"
        )
    return found


def _asked(own: Sequence[str], groups: Sequence[str]) -> list[str]:
    return [group for group in own if group in groups or group_in_words(group) in groups]


def _shown(metric: str, own: Sequence[str]) -> list[str]:
    headline = [group for group in HEADLINES.get(metric, ()) if group in own]
    overall = [group for group in own if group == OVERALL]
    return headline or overall or list(own[:_GROUPS_WITHOUT_HEADLINE])
