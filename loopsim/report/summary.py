"""A run as plain values: its state, every metric of every generation, and the drift since the baseline. Reads
the store; needs no torch.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from loopsim.context.phase import phase_names
from loopsim.core.errors import ConfigError, LoopsimError, RunNotFound
from loopsim.data.openmoji import ATTRIBUTION
from loopsim.metrics.drift import drift, with_verdicts
from loopsim.store.keys import Table, key, parts_of
from loopsim.store.store import Record, Store

STATE = "state.lmdb"
METHOD = (
    "95 % intervals. Δ: paired bootstrap over items and, where models are asked, the spread over baselines "
    "trained again with other seeds; "
    "verdicts: Benjamini-Hochberg over all rows of a generation, q = 0.05"
)


@final
@dataclass(frozen=True)
class MetricRow:
    """One estimate. `value` is None with a `reason` where nothing could be measured."""

    generation: int
    metric: str
    group: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    is_bias: bool
    reason: str | None
    section: str
    baseline: int
    has_model: bool


@final
@dataclass(frozen=True)
class DriftRow:
    """How far one estimate is from its baseline's, with its interval and the verdict.

    `retraining` is the half-width that training the baseline again explains; None where no model is asked, or
    it was trained only once.
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


@final
@dataclass(frozen=True)
class Summary:
    """All that a report shows of a run."""

    run: str
    generations: list[int]
    metrics: list[MetricRow]
    drift: list[DriftRow]
    attribution: str | None
    method: str = METHOD

    def as_json(self) -> dict[str, Any]:
        """Return the document that `loopsim report --json` prints."""
        columns = ("generation", "metric", "group", "section", "value", "n", "low", "high")
        metrics = [
            {name: getattr(row, name) for name in columns} | ({"reason": row.reason} if row.reason else {})
            for row in self.metrics
        ]
        return {
            "run": self.run,
            "generations": self.generations,
            "metrics": metrics,
            "drift": [asdict(row) for row in self.drift],
            "method": self.method,
            "attribution": self.attribution,
        }


@final
@dataclass(frozen=True)
class RunState:
    """One line of `loopsim runs`."""

    name: str
    directory: Path
    finished_generations: int
    planned_generations: int
    next_phase: str | None
    num_samples: int
    changed_at: float

    @property
    def finished(self) -> bool:
        """True if nothing is left to do."""
        return self.next_phase is None


def summarize(directory: Path, metrics: Sequence[str] = ()) -> Summary:
    """Return a run's summary; of all metrics, or of those whose names begin with one of `metrics`. Raises
    ConfigError if none does.

    Verdicts are corrected over all rows of a generation, also where only some metrics are asked for.
    """
    with Store(directory / STATE, readonly=True) as store:
        rows = [
            _metric_row(raw_key, record)
            for table in (Table.METRIC, Table.ADDED)
            for raw_key, record in store.scan(key(table))
        ]
        retrained = [
            record for _, record in store.scan(key(Table.REPLICATE)) if record.fields["value"] is not None
        ]
    rows.sort(key=lambda pair: pair[0].generation)
    drifts = _drifts(rows, retrained)
    names = sorted({row.metric for row, _ in rows})
    if metrics and rows:
        unknown = [wanted for wanted in metrics if not any(name.startswith(wanted) for name in names)]
        if unknown:
            raise ConfigError(f"--metric {unknown[0]}: not measured in this run; it has {', '.join(names)}")
        rows = [(row, replicates) for row, replicates in rows if row.metric.startswith(tuple(metrics))]
        drifts = [row for row in drifts if row.metric.startswith(tuple(metrics))]
    generations = sorted({row.generation for row, _ in rows})
    return Summary(directory.name, generations, [row for row, _ in rows], drifts, _attribution(directory))


def _drifts(rows: Sequence[tuple[MetricRow, np.ndarray]], retrained: Sequence[Record]) -> list[DriftRow]:
    """Return the drift of every row from its baseline: the loop's own first models, and those trained again
    with other seeds.
    """
    baselines: dict[tuple[str, str], list[tuple[float, np.ndarray]]] = {}
    for row, replicates in rows:
        if row.generation == row.baseline and row.value is not None:
            baselines[row.metric, row.group] = [(row.value, replicates)]
    for record in retrained:
        known = baselines.get((record.fields["metric"], record.fields["group"]))
        if known is not None:
            known.append((record.fields["value"], np.frombuffer(record.blob, "<f4")))
    found: list[DriftRow] = []
    for generation in sorted({row.generation for row, _ in rows}):
        moved = []
        for row, replicates in rows:
            starts = baselines.get((row.metric, row.group), [])
            # An estimate without replicates says nothing of its drift.
            if (
                row.generation != generation
                or generation <= row.baseline
                or row.value is None
                or not starts
                or not len(replicates)
            ):
                continue
            if all(len(start) == len(replicates) for _, start in starts):
                values, resampled = [value for value, _ in starts], np.stack([start for _, start in starts])
                moves = drift(
                    row.value, replicates, values, resampled, is_bias=row.is_bias, has_model=row.has_model
                )
                if moves is not None:
                    moved.append((row, moves))
        for (row, _), judged in zip(moved, with_verdicts([moves for _, moves in moved]), strict=True):
            found.append(
                DriftRow(
                    generation,
                    row.metric,
                    row.group,
                    judged.delta,
                    judged.low,
                    judged.high,
                    judged.p_value,
                    judged.retraining,
                    judged.verdict,
                )
            )
    return found


def _metric_row(raw_key: bytes, record: Record) -> tuple[MetricRow, np.ndarray]:
    prefix = raw_key.index(b"\0") + 1
    fields = record.fields
    generation = int.from_bytes(raw_key[prefix : prefix + 4], "big")
    names = (
        "metric",
        "group",
        "value",
        "n",
        "low",
        "high",
        "is_bias",
        "reason",
        "section",
        "baseline",
        "has_model",
    )
    return MetricRow(generation, **{name: fields[name] for name in names}), np.frombuffer(record.blob, "<f4")


def _attribution(directory: Path) -> str | None:
    with Store(directory / STATE, readonly=True) as store:
        config = store.get(key(Table.META, "config"))
    if config is not None and config.fields["data"]["corpus"] == "openmoji":
        return ATTRIBUTION
    return None


def run_state(directory: Path) -> RunState:
    """Return where a run stands. Raises RunNotFound if the directory is not a run."""
    with Store(directory / STATE, readonly=True) as store:
        config = store.get(key(Table.META, "config"))
        if config is None:
            raise RunNotFound(f"{directory}: killed while it was made; delete it and start again")
        done, num_samples = set(), 0
        for raw_key, record in store.scan(key(Table.PHASE)):
            parts = parts_of(raw_key)
            done.add((int(parts[0]), str(parts[1])))
            num_samples += record.fields["facts"].get("num_candidates", 0)
        # Finished generations say how many they drew; only the one under way is counted.
        num_samples += store.count(key(Table.SAMPLE, 1 + sum(name == "generate" for _, name in done)))
    planned, replicates = config.fields["generations"], config.fields["evaluate"]["num_replicates"]
    todo = [
        (g, phase)
        for g in range(planned + 1)
        for phase in phase_names(g, planned, replicates)
        if (g, phase) not in done
    ]
    return RunState(
        directory.name,
        directory,
        sum((g, "commit") in done for g in range(planned + 1)),
        planned,
        f"generation {todo[0][0]}, {todo[0][1]}" if todo else None,
        num_samples,
        (directory / STATE / "data.mdb").stat().st_mtime,
    )


def list_runs(runs_dir: Path) -> list[RunState]:
    """Return every run in a folder, the latest first; what is not a run is passed over."""
    if not runs_dir.is_dir():
        return []
    states = [_state_or_damage(path) for path in runs_dir.iterdir() if (path / STATE / "data.mdb").is_file()]
    return sorted(states, key=lambda state: -state.changed_at)


def _state_or_damage(directory: Path) -> RunState:
    """Return where a run stands; one that cannot be read must not hide the others."""
    try:
        return run_state(directory)
    except LoopsimError:
        changed_at = (directory / STATE / "data.mdb").stat().st_mtime
        return RunState(directory.name, directory, 0, 0, "unreadable, see loopsim verify", 0, changed_at)


def find_run(runs_dir: Path, name: str | None, *, unfinished: bool = False) -> Path:
    """Return a run's directory by name or path; without a name the latest (unfinished) one. Raises
    RunNotFound.
    """
    if name is not None:
        for candidate in (runs_dir / name, Path(name)):
            if (candidate / STATE / "data.mdb").is_file():
                return candidate
        known = ", ".join(state.name for state in list_runs(runs_dir)[:5])
        where = Path(name) if Path(name).exists() else runs_dir / name
        problem = "is not a loopsim run" if where.exists() else "does not exist"
        raise RunNotFound(
            f"run {where} {problem}"
            + (f"; runs in {runs_dir}: {known}" if known else "; begin one with `loopsim start`")
        )
    states = [state for state in list_runs(runs_dir) if not (unfinished and state.finished)]
    if not states:
        raise RunNotFound(
            f"no {'unfinished ' if unfinished else ''}run in {runs_dir}; begin one with `loopsim start`"
        )
    return states[0].directory
