"""What trackers are told: points of curves, made of a run's rows and of a training's steps."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import final

from loopsim.context.phase_names import base_name
from loopsim.store.rows import MetricRow, PhaseRow
from loopsim.store.store import Store

GENERATION = "generation"
_LONGEST = 100  # characters of a part of a curve's name; MLflow takes 250 of the whole


@final
@dataclass(frozen=True)
class Entry:
    """A point of a curve; `axis` names what `step` counts."""

    curve: str
    axis: str
    step: int
    value: float


def training_entry(phase: str, step: int, loss: float) -> Entry:
    """Return the point of a training's loss; `step` counts from the training of generation 0 on."""
    name = _training(phase)
    return Entry(f"{name}/loss", f"{name}/step", step, loss)


def results_of(store: Store, row: PhaseRow) -> list[Entry]:
    """Return what a finished phase found, a point a generation: its numbers, and every value that was
    measured. Replicates of the baseline have none: they belong to no generation.
    """
    if "#" in row.phase:
        return []
    found = [
        Entry(f"{_part(row.phase)}/{_part(name)}", GENERATION, row.generation, float(value))
        for name, value in row.facts.items()
        if isinstance(value, (int, float))
    ]
    if row.phase == "evaluate":
        found += [
            Entry(
                f"{_part(one.section)}/{_part(one.metric)}/{_part(one.group)}",
                GENERATION,
                one.generation,
                one.value,
            )
            for one in store.scan(MetricRow, row.generation)
            if one.value is not None
        ]
    return list(_finite(_each_its_own_curve(found)))


def _each_its_own_curve(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries; names that have become the same are numbered, so that no curve has a step twice."""
    seen: dict[str, int] = {}
    for entry in entries:
        number = seen[entry.curve] = seen.get(entry.curve, 0) + 1
        yield entry if number == 1 else replace(entry, curve=f"{entry.curve} {number}")


def _finite(entries: Iterable[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if math.isfinite(entry.value))


def _training(phase: str) -> str:
    """Return the name of a training's curves: "train_clip", "finetune man", "train_clip replicate 1"."""
    whole, _, part = phase.partition("/")
    _, again, replicate = whole.partition("#")
    return _part(
        base_name(whole) + (f" replicate {replicate}" if again else "") + (f" {part}" if part else "")
    )


def _part(text: str) -> str:
    """Return a part of a curve's name in letters that all trackers take; groups may be anybody's words."""
    plain = text.replace(" & ", " and ").replace("=", ":")
    return re.sub(r"[^\w\- :.]", "_", plain)[:_LONGEST].strip(" .") or "_"
