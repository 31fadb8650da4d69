"""What a run's page shows, read from its store."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from loopsim.config import ResolvedConfig, as_toml
from loopsim.context.phase_names import PHASE_NAMES
from loopsim.core.errors import ConfigError
from loopsim.core.run_folder import STATE
from loopsim.core.text import printable
from loopsim.data.corpora import CORPORA
from loopsim.report.page.pictures import Sample, Strip, samples_by_group, strips
from loopsim.report.summary import Summary, summarize
from loopsim.runs.stored_config import stored_config
from loopsim.store.integrity import last_seal
from loopsim.store.notes import NoteRow
from loopsim.store.rows import AttemptRow
from loopsim.store.store import Store

_SECRETS: Final = ("token", "password", "secret")


@final
@dataclass(frozen=True)
class PhaseTime:
    """How long a phase took, over all its attempts."""

    generation: int
    phase: str
    seconds: float


@final
@dataclass(frozen=True)
class RunContents:
    """One run: its summary and config, P(woman | profession) in its world, where its time went, its pictures,
    and on what it ran. `seal` is the hash of its last finished generation; `planned` generations are asked
    for.
    """

    name: str
    summary: Summary
    config: ResolvedConfig
    toml: str
    world_women: Mapping[str, float]
    times: Sequence[PhaseTime]
    strips: Sequence[Strip]
    samples: Mapping[str, Sequence[Sample]]
    sampled: int
    seal: str | None
    planned: int
    machine: Mapping[str, Any]
    note: str
    tags: Sequence[str]

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.summary.generations) and self.summary.generations[-1] >= self.planned


def read_contents(directory: Path, *, pictures: bool = True) -> RunContents:
    """Return what the page of a run shows; without its `pictures`, where many runs share a page."""
    summary = summarize(directory)
    with Store(directory / STATE, readonly=True) as store:
        config = stored_config(store, directory)
        attempts = list(store.scan(AttemptRow))
        noted = store.get(NoteRow) or NoteRow()
        sampled = max((g for g in summary.generations if g > 0), default=0)
        return RunContents(
            printable(directory.name),
            summary,
            config,
            "\n".join(_toml(config.model_dump(mode="json", exclude_none=True))),
            _world_women(config),
            _times(attempts),
            strips(store, [g for g in summary.generations if g > 0]) if pictures else [],
            samples_by_group(store, config, sampled) if pictures and sampled else {},
            sampled,
            last_seal(store),
            config.generations,
            attempts[-1].machine if attempts else {"python": sys.version.split()[0]},
            printable(noted.text),
            [printable(tag) for tag in noted.tags],
        )


def _world_women(config: ResolvedConfig) -> Mapping[str, float]:
    """Return P(woman | profession); nothing for a corpus that is not installed here."""
    if config.evaluate.professions:
        return config.evaluate.professions
    try:
        return CORPORA.get(config.data.corpus).professions(config.data)
    except ConfigError:
        return {}


def _times(attempts: Sequence[AttemptRow]) -> list[PhaseTime]:
    seconds: dict[tuple[int, str], float] = {}
    for row in attempts:
        place = (row.generation, row.phase)
        seconds[place] = seconds.get(place, 0.0) + row.seconds
    order = {name: i for i, name in enumerate(PHASE_NAMES)}
    known = sorted(seconds.items(), key=lambda one: (one[0][0], order.get(one[0][1], len(order))))
    return [PhaseTime(generation, printable(phase), spent) for (generation, phase), spent in known]


def _toml(tree: Mapping[str, Any], section: str = "") -> list[str]:
    """Return a config's lines, each section under its name; what may be a secret is left out."""
    own = {name: value for name, value in tree.items() if not isinstance(value, Mapping)}
    lines = [f"[{section}]"] if section and own else []
    lines += [
        f"{name} = {as_toml(value)}"
        for name, value in own.items()
        if not any(word in name for word in _SECRETS)
    ]
    for name, value in tree.items():
        if isinstance(value, Mapping):
            inner = _toml(value, f"{section}.{name}" if section else name)
            lines += ["", *inner] if inner else []
    return [printable(line) for line in lines]
