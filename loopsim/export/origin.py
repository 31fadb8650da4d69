"""Where an export comes from, as its card tells: the run, its settings, and the seal of what it found."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import final

from loopsim.config import SHIPPED, ResolvedConfig
from loopsim.core.errors import ConfigError
from loopsim.data.corpora import CORPORA
from loopsim.runs.stored_config import config_of_tree, stored_config
from loopsim.store.rows import PastRow, PhaseRow
from loopsim.store.store import Store


@final
@dataclass(frozen=True)
class Origin:
    """A generation of a run. `seal` is the hash of all that it found, None while it is not finished."""

    run: str
    generation: int
    generations: int
    config: ResolvedConfig
    seal: str | None
    attribution: str | None
    version: str

    @property
    def guidance(self) -> float:
        """What the config guides its draws with."""
        return self.config.generate.guidance


def origin_of(store: Store, directory: Path, generation: int) -> Origin:
    """Return where generation g comes from; of a fork, with the config under which that one was made."""
    now, past = stored_config(store, directory), store.get(PastRow)
    before = next((one for one in (past.entries if past else ()) if generation < one.until), None)
    config = now if before is None else config_of_tree(before.config, directory)
    commit = store.get(PhaseRow, generation, "commit")
    seal = None if commit is None or commit.seal is None else commit.seal.hash
    try:
        attribution = CORPORA.get(config.data.corpus).attribution
    except ConfigError:  # of a package that is not installed here
        attribution = None
    return Origin(directory.name, generation, now.generations, config, seal, attribution, version("loopsim"))


def called(part: str) -> str:
    """Return what a card calls a model of the config: its name in a hub or a library; of a folder of this
    machine the last part alone, for a path is nobody else's business.
    """
    if part == SHIPPED:
        return "loopsim's own pocket model"
    name = part.removeprefix("local-dir:")
    is_path = os.path.isabs(name) or name.startswith((".", "~")) or os.path.exists(name)
    return Path(name).name if is_path else name


def hub_id(part: str) -> str | None:
    """Return the name of a model in the hub; None for what is not one."""
    name = part.removeprefix("hf-hub:")
    return name if name.count("/") == 1 and called(name) == name else None
