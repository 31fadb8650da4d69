"""Estimates as a tidy table: a row a generation, metric and group, with its drift from the baseline."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from loopsim.core.errors import DataError
from loopsim.core.packages import require_package
from loopsim.export.text import neutralised, unicode_text
from loopsim.report.summary import Summary

TableRow = dict[str, str | float | int | bool | None]
# Each column with what it holds, in their order.
COLUMNS: Final[Mapping[str, type]] = {
    "run": str, "generation": int, "section": str, "metric": str, "group": str,
    "value": float, "low": float, "high": float, "n": int, "is_bias": bool,
    "delta": float, "delta_low": float, "delta_high": float, "p_value": float, "adjusted_p": float,
    "verdict": str, "slope": float, "trend": str, "reason": str,
}  # fmt: skip


def table_of(summary: Summary) -> list[TableRow]:
    """Return the rows of a run's table, every one with all `COLUMNS`; None where there is no value (with its
    `reason`) or no drift, as at the baseline. Raises DataError if nothing was measured yet.
    """
    if not summary.metrics:
        raise DataError(
            f"run {summary.run} has measured nothing yet; its first generation has to be evaluated: "
            f"`loopsim resume {summary.run}`"
        )
    drifts = {(row.generation, row.metric, row.group): row for row in summary.drift}
    lost = {(row.generation, row.metric, row.group) for row in summary.lost}
    rows = []
    for one in summary.metrics:
        place = (one.generation, one.metric, one.group)
        moved = drifts.get(place)
        row: TableRow = {
            "run": summary.run,
            "generation": one.generation,
            "section": one.section,
            "metric": one.metric,
            "group": one.group,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "n": one.n,
            "is_bias": one.is_bias,
            "delta": moved and moved.delta,
            "delta_low": moved and moved.low,
            "delta_high": moved and moved.high,
            "p_value": moved and moved.p_value,
            "adjusted_p": moved and moved.adjusted_p,
            "verdict": moved.verdict if moved else "lost" if place in lost else None,
            "slope": moved and moved.trend and moved.trend.slope,
            "trend": moved and moved.trend and moved.trend.verdict,
            "reason": one.reason,
        }
        rows.append({k: unicode_text(v) if isinstance(v, str) else v for k, v in row.items()})
    return rows


def write_csv(rows: Sequence[TableRow], path: Path) -> None:
    """Write a CSV file (UTF-8, comma, a header); no text in it is a formula to a spreadsheet."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(row[name]) for name in COLUMNS] for row in rows)


def _cell(value: str | float | bool | None) -> str | float | None:
    if isinstance(value, bool):
        return str(value).lower()  # what R and pandas both read as logical
    return neutralised(value) if isinstance(value, str) else value


def write_jsonl(rows: Sequence[TableRow], path: Path) -> None:
    """Write a JSON object a line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def write_parquet(rows: Sequence[TableRow], path: Path) -> None:
    """Write a Parquet file with typed columns. Raises ConfigError without pyarrow."""
    require_package("pyarrow", "datasets", "--metrics parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: dict[type, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


WRITERS: Final[Mapping[str, Callable[[Sequence[TableRow], Path], None]]] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "jsonl": write_jsonl,
}
