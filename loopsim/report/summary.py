"""A run's results as plain values: every metric of every generation, and the drift since the baseline. Reads
the store; needs no torch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

from loopsim.core.errors import ConfigError
from loopsim.core.run_folder import STATE
from loopsim.data.corpora import CORPORA
from loopsim.metrics.drift import Trend, drifts
from loopsim.report.interventions import InterventionReport, interventions_of
from loopsim.report.trajectories import History, Lost
from loopsim.store.rows import (
    AddedMetricRow,
    AddedReplicateRow,
    ConfigRow,
    EstimateRow,
    MeasuredRow,
    MetricRow,
    ReplicateRow,
)
from loopsim.store.store import Store

METHOD = (
    "95 % intervals. Δ: the mean of the last two generations against the baseline; paired bootstrap over "
    "items and, where models are asked, the spread over baselines trained again with other seeds, moderated "
    "over rows and generations; verdicts: Benjamini-Hochberg over all rows of a generation, q = 0.05"
)
COLUMNS = ("generation", "metric", "group", "section", "value", "n", "low", "high")  # of an estimate, in JSON


@final
@dataclass(frozen=True)
class DriftRow:
    """How far one estimate is from its baseline's, with its interval and the verdict.

    Δ is that of the mean of the last two generations; `trend` says whether the row is moving. `retraining` is
    the half-width that training alone explains; None where no model is asked, or it was trained only once.
    `adjusted_p` is corrected for all rows of the generation; of a bias Δ is that of its size.
    """

    generation: int
    metric: str
    group: str
    delta: float
    low: float
    high: float
    p_value: float
    retraining: float | None
    verdict: str
    adjusted_p: float | None = None
    is_bias: bool = False
    trend: Trend | None = None


@final
@dataclass(frozen=True)
class Summary:
    """All that a report shows of a run."""

    run: str
    generations: list[int]
    metrics: Sequence[MeasuredRow]
    drift: list[DriftRow]
    attribution: str | None
    interventions: Sequence[InterventionReport] = ()
    lost: Sequence[Lost] = ()
    method: str = METHOD
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lost_now(self) -> list[Lost]:
        """The groups that cannot be measured any more at the last generation."""
        return [one for one in self.lost if one.generation == self.generations[-1]]

    def as_json(self) -> dict[str, Any]:
        """Return the document that `loopsim report --json` prints."""
        return {
            "run": self.run,
            "seed": self.config.get("seed"),
            "config": dict(self.config),
            "generations": self.generations,
            "metrics": [estimate_as_json(row) for row in self.metrics],
            "drift": [asdict(row) for row in self.drift],
            "lost": [asdict(row) for row in self.lost],
            "interventions": [one.as_json() for one in self.interventions],
            "method": self.method,
            "attribution": self.attribution,
        }


def estimate_as_json(row: MeasuredRow) -> dict[str, Any]:
    """Return an estimate as a JSON object; its reason only where it has one."""
    return {name: getattr(row, name) for name in COLUMNS} | ({"reason": row.reason} if row.reason else {})


def rows_of(store: Store) -> tuple[list[MeasuredRow], list[ReplicateRow | AddedReplicateRow]]:
    """Return what a run has measured, and what its replicates of the baseline show."""
    measured: list[MeasuredRow] = [*store.scan(MetricRow), *store.scan(AddedMetricRow)]
    return measured, [*store.scan(ReplicateRow), *store.scan(AddedReplicateRow)]


def summarize(directory: Path, metrics: Sequence[str] = ()) -> Summary:
    """Return a run's summary; of all metrics, or of those whose names begin with one of `metrics`. Raises
    ConfigError if none does.

    Verdicts are corrected over all rows of a generation, also where only some metrics are asked for.
    """
    with Store(directory / STATE, readonly=True) as store:
        measured, retrained = rows_of(store)
        config, interventions = store.get(ConfigRow), interventions_of(store)
    measured.sort(key=lambda row: row.generation)
    history = History(measured, retrained)
    everything = sorted({row.generation for row in measured})
    moved = list(_drifts(history, everything))
    lost = [one for generation in everything for one in history.lost(generation)]
    if metrics and measured:
        names = sorted({row.metric for row in measured})
        unknown = [wanted for wanted in metrics if not any(name.startswith(wanted) for name in names)]
        if unknown:
            raise ConfigError(f"--metric {unknown[0]}: not measured in this run; it has {', '.join(names)}")
        measured = [row for row in measured if row.metric.startswith(tuple(metrics))]
        moved = [row for row in moved if row.metric.startswith(tuple(metrics))]
        lost = [row for row in lost if row.metric.startswith(tuple(metrics))]
    generations = sorted({row.generation for row in measured})
    attribution = None if config is None else _attribution(config.tree)
    tree = {} if config is None else config.tree
    return Summary(
        directory.name, generations, measured, moved, attribution, interventions, lost, config=tree
    )


def baselines_of(
    measured: Iterable[MeasuredRow], retrained: Iterable[ReplicateRow | AddedReplicateRow]
) -> dict[tuple[str, str], list[EstimateRow]]:
    """Return the rows that drift is counted from, by metric and group: the loop's own first models', and
    those of models that were trained again with other seeds.
    """
    found: dict[tuple[str, str], list[EstimateRow]] = {}
    for row in measured:
        if row.generation == row.baseline and row.value is not None:
            found[row.metric, row.group] = [row]
    for again in retrained:
        known = found.get((again.metric, again.group))
        if known is not None and again.value is not None:
            known.append(again)
    return found


def _drifts(history: History, generations: Iterable[int]) -> Iterator[DriftRow]:
    """Yield the drift of every row from its baseline."""
    for generation in generations:
        moved = list(history.trajectories(generation))
        for (row, _), d in zip(moved, drifts([way for _, way in moved]), strict=True):
            if d is not None:
                yield DriftRow(
                    generation, row.metric, row.group, d.delta, d.low, d.high, d.p_value, d.retraining,
                    d.verdict, d.adjusted_p, d.is_bias, d.trend,
                )  # fmt: skip


def _attribution(config: Mapping[str, Any]) -> str | None:
    """Return the credit line that the pictures' licence asks for; None for a corpus that is not installed
    here.
    """
    try:
        return CORPORA.get(config["data"]["corpus"]).attribution
    except ConfigError:
        return None
