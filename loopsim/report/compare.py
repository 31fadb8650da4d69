"""Where runs part: in their configs, in their phases, and in what they measured."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from loopsim.context.phase_names import PHASE_NAMES, PhaseKey
from loopsim.core.run_folder import STATE
from loopsim.metrics.drift import Drift, Pair, differences
from loopsim.report.summary import baselines_of, estimate_as_json, rows_of, summarize
from loopsim.store.rows import ConfigRow, EstimateRow, MeasuredRow, PhaseRow
from loopsim.store.store import Store

Compared = tuple[str, str, Sequence[MeasuredRow | None]]  # metric, group, its estimate in each run


@final
@dataclass(frozen=True)
class Comparison:
    """`settings`: each differing key's value per run; `parting`: the first generation and phase whose results
    differ, None if none do; `rows`: what was measured in `generation`, the last one that all have.
    `differences`, of two runs: how far the second's values are from the first's, with verdicts that are
    corrected over all rows.
    """

    runs: list[str]
    settings: dict[str, list[Any]]
    parting: PhaseKey | None
    generation: int | None
    rows: list[Compared]
    differences: Mapping[tuple[str, str], Drift]


def compare_runs(directories: Sequence[Path]) -> Comparison:
    """Return where two or more runs part."""
    configs, results = [], []
    for directory in directories:
        with Store(directory / STATE, readonly=True) as store:
            row = store.get(ConfigRow)
            configs.append({} if row is None else _flat(row.tree))
            results.append(_results(store))
    settings = {
        name: [config.get(name) for config in configs]
        for name in dict.fromkeys(name for config in configs for name in config)
        if len({repr(config.get(name)) for config in configs}) > 1
    }
    generation, rows = _last_estimates(directories)
    differences = _differences(directories[0], rows) if len(directories) == 2 else {}
    names = [directory.name for directory in directories]
    return Comparison(names, settings, _parting(results), generation, rows, differences)


def _results(store: Store) -> dict[PhaseKey, str]:
    """Return what each finished phase of the loop itself left, in one text: its artifacts, facts and seal."""
    return {
        (row.generation, row.phase): repr((row.artifacts, row.facts, row.seal))
        for row in store.scan(PhaseRow)
        if row.phase in PHASE_NAMES
    }


def _parting(results: Sequence[Mapping[PhaseKey, str]]) -> PhaseKey | None:
    """Return the first phase of those that all runs have finished which did not leave the same in all."""
    shared = set(results[0]).intersection(*results[1:])
    order = sorted(shared, key=lambda place: (place[0], PHASE_NAMES.index(place[1])))
    return next((place for place in order if len({found[place] for found in results}) > 1), None)


def _last_estimates(directories: Sequence[Path]) -> tuple[int | None, list[Compared]]:
    """Return the last generation that all runs have measured, and its estimates."""
    summaries = [summarize(directory) for directory in directories]
    common = set(summaries[0].generations).intersection(*(summary.generations for summary in summaries[1:]))
    last = max(common, default=None)
    tables = [
        {(row.metric, row.group): row for row in summary.metrics if row.generation == last}
        for summary in summaries
    ]
    pairs = dict.fromkeys(pair for table in tables for pair in table)
    return last, [(*pair, [table.get(pair) for table in tables]) for pair in pairs]


def _differences(first: Path, rows: Sequence[Compared]) -> dict[tuple[str, str], Drift]:
    """Return the second run's values less the first's; the noise of retraining is the first run's."""
    with Store(first / STATE, readonly=True) as store:
        baselines = baselines_of(*rows_of(store))
    pairs = {
        (metric, group): found
        for metric, group, (one, other) in rows
        if (found := _pair(one, other, baselines.get((metric, group), ()))) is not None
    }
    judged = zip(pairs, differences(list(pairs.values())), strict=True)
    return {place: found for place, found in judged if found is not None}


def _pair(
    one: MeasuredRow | None, other: MeasuredRow | None, baselines: Sequence[EstimateRow]
) -> Pair | None:
    if one is None or other is None or one.value is None or other.value is None:
        return None
    if len(one.resampled) != len(other.resampled) or not len(one.resampled):
        return None
    starts = [row for row in baselines if len(row.resampled) == len(one.resampled)]
    return Pair(
        other.value,
        other.resampled,
        one.value,
        one.resampled,
        np.array([row.value for row in starts], float),
        np.array([row.resampled for row in starts]).reshape(len(starts), len(one.resampled)),
        is_bias=one.is_bias,
        has_model=one.has_model,
    )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        inner = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return flat


def comparison_as_json(found: Comparison) -> dict[str, Any]:
    """Return the document that `loopsim compare --json` prints."""
    rows = [
        {
            "metric": metric,
            "group": group,
            "values": [None if row is None else estimate_as_json(row) for row in values],
            "difference": asdict(moved) if (moved := found.differences.get((metric, group))) else None,
        }
        for metric, group, values in found.rows
    ]
    own = {name: value for name, value in vars(found).items() if name != "differences"}
    return own | {"rows": rows}
