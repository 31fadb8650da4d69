"""Many loops as one: a grid of configs, each an ordinary run, resumable as a whole, reported with the seed as
the unit.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, final

from loopsim.config import Config, parse_value
from loopsim.core.errors import ConfigError
from loopsim.core.events import Listener, unheard
from loopsim.core.interrupt import Interrupt
from loopsim.loop import run_loop
from loopsim.runs.catalog import MAX_NAME_BYTES
from loopsim.runs.open import open_or_create
from loopsim.runs.resolve import read_config


@final
@dataclass(frozen=True)
class Cell:
    """One loop of a sweep: its run's name, its config, and what sets it apart but the seed."""

    name: str
    config: Config
    setting: Mapping[str, Any]


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """Return ("compose.alpha", [0.2, 0.5]) of "compose.alpha=[0.2, 0.5]". Raises ConfigError unless the value
    is a list that is not empty.
    """
    key, equals, value = text.partition("=")
    values = parse_value(value)
    if not equals or not isinstance(values, list) or not values:
        raise ConfigError(
            f"--grid {text}: write it as key=[value, value], for example --grid 'compose.alpha=[0.2, 0.5]'"
        )
    return key.strip(), values


def cells_of(source: str, axes: Mapping[str, Sequence[Any]], overrides: Sequence[str] = ()) -> list[Cell]:
    """Return every combination of the axes' values as a cell, all validated before the first one runs. Raises
    ConfigError.
    """
    cells = []
    for values in product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        config = read_config(
            source, [*overrides, *(f"{key}={_toml(value)}" for key, value in chosen.items())]
        )
        cells.append(
            Cell(cell_name(chosen), config, {key: value for key, value in chosen.items() if key != "seed"})
        )
    return cells


def cell_name(setting: Mapping[str, Any]) -> str:
    """Return the name of the run of one combination, "seed_0-alpha_0.2"; where it would be too long for a
    file system, its beginning and a hash of it.
    """
    name = "-".join(_word(f"{key.rsplit('.', 1)[-1]}_{value}") for key, value in setting.items()) or "run"
    if len(os.fsencode(name)) <= MAX_NAME_BYTES:
        return name
    return f"{name[:40]}-{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _word(value: Any) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in str(value))


def run_cell(directory: Path, config: Config, interrupt: Interrupt, emit: Listener = unheard) -> None:
    """Bring the run in `directory` to its end, whether it is there already or not.

    Raises RunMismatch if it was begun with another config.
    """
    with open_or_create(directory, config, interrupt=interrupt, emit=emit) as run:
        run_loop(run)


def run_sweep(
    folder: Path,
    cells: Sequence[Cell],
    interrupt: Interrupt,
    emit: Listener = unheard,
    finished: Callable[[Cell], None] = lambda cell: None,
) -> None:
    """Run every cell in turn, as runs in `folder`; a killed sweep goes on where it was.

    Raises Interrupted after a signal, with all saved.
    """
    for cell in cells:
        run_cell(folder / cell.name, cell.config, interrupt, emit)
        finished(cell)


def by_setting(cells: Sequence[Cell]) -> Iterator[tuple[Mapping[str, Any], list[Cell]]]:
    """Yield the cells that differ in nothing but their seed, setting by setting."""
    seen: list[Mapping[str, Any]] = []
    for cell in cells:
        if cell.setting not in seen:
            seen.append(cell.setting)
            yield cell.setting, [other for other in cells if other.setting == cell.setting]
