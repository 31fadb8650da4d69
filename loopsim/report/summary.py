"""A run as plain values: its state, every metric of every generation, and the drift since generation 0. Reads the store; needs no torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from loopsim.data.openmoji import ATTRIBUTION
from loopsim.errors import ConfigError, RunNotFound
from loopsim.metrics.drift import drift
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Store

STATE = "state.lmdb"
METHOD = "95 % intervals: bootstrap over items only (Δ: basic, paired; raw shares: Wilson); retraining noise is not in them yet"


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


@final
@dataclass(frozen=True)
class DriftRow:
    """How far one estimate is from generation 0's, with the bootstrap's interval and the verdict."""

    generation: int
    metric: str
    group: str
    delta: float
    low: float
    high: float
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
        columns = ("generation", "metric", "group", "value", "n", "low", "high")
        metrics = [{name: getattr(row, name) for name in columns} | ({"reason": row.reason} if row.reason else {}) for row in self.metrics]
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
    """Return a run's summary; of all metrics, or of those whose names begin with one of `metrics`. Raises ConfigError if none does."""
    with Store(directory / STATE, readonly=True) as store:
        rows = [_metric_row(raw_key, record) for raw_key, record in store.scan(key(Table.METRIC))]
    names = sorted({row.metric for row, _ in rows})
    if metrics and rows:
        unknown = [wanted for wanted in metrics if not any(name.startswith(wanted) for name in names)]
        if unknown:
            raise ConfigError(f"--metric {unknown[0]}: not measured in this run; it has {', '.join(names)}")
        rows = [(row, replicates) for row, replicates in rows if row.metric.startswith(tuple(metrics))]
    # The baseline is generation 0, or the first generation that has the metric: S_0 does not exist, so S_g is compared with S_1.
    baseline = {(row.metric, row.group): (row, replicates) for row, replicates in reversed(rows) if row.value is not None}
    drifts = []
    for row, replicates in rows:
        start, start_replicates = baseline.get((row.metric, row.group), (row, replicates))
        if row.value is None or start.value is None or row.generation == start.generation:
            continue
        if len(replicates) != len(start_replicates):
            continue  # an estimate without replicates says nothing of its drift
        moved = drift(row.value, start.value, replicates, start_replicates, is_bias=row.is_bias)
        if moved is not None:
            drifts.append(DriftRow(row.generation, row.metric, row.group, moved.delta, moved.low, moved.high, moved.verdict))
    generations = sorted({row.generation for row, _ in rows})
    return Summary(directory.name, generations, [row for row, _ in rows], drifts, _attribution(directory))


def _metric_row(raw_key: bytes, record: Record) -> tuple[MetricRow, np.ndarray]:
    prefix = len(key(Table.METRIC))
    fields = record.fields
    generation = int.from_bytes(raw_key[prefix : prefix + 4], "big")
    names = ("metric", "group", "value", "n", "low", "high", "is_bias", "reason")
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
        prefix = key(Table.PHASE)
        done = {(int.from_bytes(k[len(prefix) : len(prefix) + 4], "big"), k[len(prefix) + 4 : -1].decode()) for k in store.keys(prefix)}
        num_samples = len(store.keys(key(Table.SAMPLE)))
    planned = config.fields["generations"]
    order = ("compose", "train_clip", "train_captioner", "evaluate", "finetune", "generate", "commit")
    todo = [
        (g, phase)
        for g in range(planned + 1)
        for phase in order
        if (g, phase) not in done and not (g == planned and phase in ("finetune", "generate"))
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
    states = [run_state(path) for path in runs_dir.iterdir() if (path / STATE / "data.mdb").is_file()]
    return sorted(states, key=lambda state: -state.changed_at)


def find_run(runs_dir: Path, name: str | None, *, unfinished: bool = False) -> Path:
    """Return a run's directory by name or path; without a name the latest (unfinished) one. Raises RunNotFound."""
    if name is not None:
        for candidate in (runs_dir / name, Path(name)):
            if (candidate / STATE / "data.mdb").is_file():
                return candidate
        known = ", ".join(state.name for state in list_runs(runs_dir)[:5])
        where = Path(name) if Path(name).exists() else runs_dir / name
        problem = "is not a loopsim run" if where.exists() else "does not exist"
        raise RunNotFound(f"run {where} {problem}" + (f"; runs in {runs_dir}: {known}" if known else "; begin one with `loopsim start`"))
    states = [state for state in list_runs(runs_dir) if not (unfinished and state.finished)]
    if not states:
        raise RunNotFound(f"no {'unfinished ' if unfinished else ''}run in {runs_dir}; begin one with `loopsim start`")
    return states[0].directory
