"""Where runs part: in their configs, in their phases, and in what they measured."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from loopsim.context.phase import PHASE_NAMES
from loopsim.report.safe_text import plain
from loopsim.report.summary import STATE, MetricRow, summarize
from loopsim.report.terminal import is_headline
from loopsim.store.keys import Table, key, parts_of
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class Comparison:
    """`settings`: each differing key's value per run; `parting`: the first generation and phase whose results
    differ, None if none do.

    `rows`: metric, group, and its value per run (with interval) in the last generation that all have.
    """

    runs: list[str]
    settings: dict[str, list[Any]]
    parting: tuple[int, str] | None
    generation: int | None
    rows: list[tuple[str, str, list[MetricRow | None]]]


def compare_runs(directories: Sequence[Path]) -> Comparison:
    """Return where two or more runs part."""
    configs, results = [], []
    for directory in directories:
        with Store(directory / STATE, readonly=True) as store:
            record = store.get(key(Table.META, "config"))
            configs.append({} if record is None else _flat(record.fields))
            results.append(_results(store))
    keys = dict.fromkeys(name for config in configs for name in config)
    settings = {
        name: [config.get(name) for config in configs]
        for name in keys
        if len({repr(config.get(name)) for config in configs}) > 1
    }
    shared = set(results[0]).intersection(*results[1:])
    order = sorted(shared, key=lambda place: (place[0], PHASE_NAMES.index(place[1])))
    parting = next((place for place in order if len({repr(found[place]) for found in results}) > 1), None)
    summaries = [summarize(directory) for directory in directories]
    common = set(summaries[0].generations).intersection(*(set(s.generations) for s in summaries[1:]))
    last = max(common, default=None)
    tables = [
        {(row.metric, row.group): row for row in s.metrics if row.generation == last} for s in summaries
    ]
    pairs = dict.fromkeys(pair for table in tables for pair in table)
    rows = [(metric, group, [table.get((metric, group)) for table in tables]) for metric, group in pairs]
    return Comparison([d.name for d in directories], settings, parting, last, rows)


def _results(store: Store) -> dict[tuple[int, str], Any]:
    """Return what each finished phase of the loop itself left: its artifacts and facts, seals among them."""
    rows = [(parts_of(raw_key), record.fields) for raw_key, record in store.scan(key(Table.PHASE))]
    return {
        (int(parts[0]), str(parts[1])): (f["artifacts"], f["facts"])
        for parts, f in rows
        if parts[1] in PHASE_NAMES
    }


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= (
            _flat(value, f"{prefix}{name}.")
            if isinstance(value, dict) and value
            else {f"{prefix}{name}": value}
        )
    return flat


def comparison_as_json(found: Comparison) -> dict[str, Any]:
    """Return a comparison as a JSON document."""
    rows = [
        {"metric": metric, "group": group, "values": [None if row is None else asdict(row) for row in values]}
        for metric, group, values in found.rows
    ]
    return asdict(found) | {"rows": rows}


def print_comparison(console: Console, found: Comparison, *, everything: bool) -> None:
    """Print where runs part."""
    settings = RichTable("setting", *map(escape, found.runs), box=None, title="configs", title_justify="left")
    for name, values in found.settings.items():
        settings.add_row(escape(name), *(escape(plain(str(value))) for value in values))
    if found.settings:
        console.print(settings)
    else:
        console.print("their configs are the same")
    if found.parting is None:
        console.print("every phase that all of them have finished left the same")
    else:
        console.print(f"the same until generation {found.parting[0]}, {found.parting[1]}")
    shown = [
        (m, g, values) for m, g, values in found.rows if (everything or is_headline(m, g)) and _differ(values)
    ]
    if not shown:
        console.print("no measured value differs")
        return
    table = RichTable(
        "metric",
        "group",
        *map(escape, found.runs),
        box=None,
        title=f"generation {found.generation}, where values differ",
        title_justify="left",
    )
    for metric, group, values in shown:
        table.add_row(escape(metric), escape(plain(group)), *(_cell(row) for row in values))
    console.print(table)


def _differ(values: Sequence[MetricRow | None]) -> bool:
    return len({None if row is None else row.value for row in values}) > 1


def _cell(row: MetricRow | None) -> str:
    if row is None or row.value is None:
        return "n/a"
    interval = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
    return escape(f"{row.value:.3f}{interval}")
