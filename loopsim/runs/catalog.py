"""Which runs there are, and where each stands. Reads the stores only."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from loopsim.core.errors import ConfigError, LoopsimError, RunNotFound
from loopsim.core.run_folder import STATE
from loopsim.runs.schedule import planned_phases
from loopsim.runs.stored_config import stored_config
from loopsim.store.notes import NoteRow
from loopsim.store.rows import PastRow, PhaseRow, SampleRow
from loopsim.store.store import Store

MAX_NAME_BYTES = 200  # file systems take 255, and temporary names are longer


@final
@dataclass(frozen=True)
class RunState:
    """Where a run stands."""

    name: str
    directory: Path
    finished_generations: int
    planned_generations: int
    next_phase: str | None
    num_samples: int
    changed_at: float
    note: str = ""
    tags: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """True if nothing is left to do."""
        return self.next_phase is None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object; `changed` is in seconds since 1970."""
        return {
            "name": self.name,
            "path": str(self.directory),
            "finished": self.finished,
            "generations": max(self.finished_generations - 1, 0),
            "planned": self.planned_generations,
            "next": self.next_phase,
            "samples": self.num_samples,
            "changed": self.changed_at,
            "note": self.note,
            "tags": list(self.tags),
        }


def run_state(directory: Path) -> RunState:
    """Return where a run stands. Raises RunNotFound if the directory is no run, CorruptRun if its config is
    none.
    """
    with Store(directory / STATE, readonly=True) as store:
        config, past = stored_config(store, directory), store.get(PastRow)
        noted = store.get(NoteRow) or NoteRow()
        done, num_samples = set(), 0
        for row in store.scan(PhaseRow):
            done.add((row.generation, row.phase))
            drawn = row.facts.get("num_candidates", 0)
            num_samples += drawn if isinstance(drawn, int) else 0
        # Finished generations say how many they drew; only the one under way is counted.
        num_samples += store.count(SampleRow, 1 + sum(name == "generate" for _, name in done))
    planned = config.generations
    phases = planned_phases(config, past.entries if past is not None else [])
    todo = [place for place in phases if place not in done]
    return RunState(
        directory.name,
        directory,
        sum((g, "commit") in done for g in range(planned + 1)),
        planned,
        f"generation {todo[0][0]}, {todo[0][1]}" if todo else None,
        num_samples,
        (directory / STATE / "data.mdb").stat().st_mtime,
        noted.text,
        tuple(noted.tags),
    )


def list_runs(runs_dir: Path) -> list[RunState]:
    """Return every run in a folder, the latest first; what is not a run is passed over. Raises ConfigError if
    it is no folder.
    """
    require_folder(runs_dir)
    if not runs_dir.is_dir():
        return []
    found = [path for path in runs_dir.iterdir() if is_run(path) and not path.name.startswith(".")]
    return sorted((_state_or_damage(path) for path in found), key=lambda state: -state.changed_at)


def is_run(directory: Path) -> bool:
    """Return whether a folder holds a run's store."""
    return os.path.isfile(directory / STATE / "data.mdb")


def _state_or_damage(directory: Path) -> RunState:
    """Return where a run stands; one that cannot be read must not hide the others."""
    try:
        return run_state(directory)
    except LoopsimError:
        changed_at = (directory / STATE / "data.mdb").stat().st_mtime
        return RunState(directory.name, directory, 0, 0, "unreadable, see loopsim verify", 0, changed_at)


def find_run(runs_dir: Path, name: str | None, *, unfinished: bool = False) -> Path:
    """Return a run's directory: a path (anything with a separator) as it is given, a plain name in
    `runs_dir`; without a name the latest (unfinished) one. Raises RunNotFound, ConfigError if `runs_dir` is a
    file.
    """
    if name is None:
        states = [state for state in list_runs(runs_dir) if not (unfinished and state.finished)]
        if not states:
            kind = "unfinished " if unfinished else ""
            raise RunNotFound(f"no {kind}run in {runs_dir}; begin one with `loopsim start`")
        return states[0].directory
    directory = place_of(runs_dir, name)
    if is_run(directory):
        return directory
    problem = "is not a loopsim run" if os.path.lexists(directory) else "does not exist"
    raise RunNotFound(f"run {directory} {problem}; {_hint(runs_dir, name)}")


def find_runs(runs_dir: Path, names: Sequence[str | None]) -> list[Path]:
    """Return the directories of runs, each named as `find_run` takes it; a folder of runs, as a sweep or a
    study makes one, stands for all of them, by name. Raises as `find_run` does, or RunNotFound for a folder
    without a run that has begun.
    """
    found: list[Path] = []
    for name in names:
        folder = None if name is None else place_of(runs_dir, name)
        inside = sorted(p for p in folder.iterdir() if is_run(p)) if folder and folder.is_dir() else []
        found += inside if inside and folder and not is_run(folder) else [find_run(runs_dir, name)]
    return list(dict.fromkeys(found))


def place_of(runs_dir: Path, name: str) -> Path:
    """Return where a run of that name or path is, be it there or not."""
    is_path = name in (os.curdir, os.pardir) or os.sep in name
    return Path(name) if is_path else runs_dir / name


def _hint(runs_dir: Path, name: str) -> str:
    if os.sep not in name and is_run(Path(name)):
        return f"there is one in this folder: write ./{name}"
    if runs_dir.is_dir():
        known = [path.name for path in runs_dir.iterdir() if is_run(path)]
        near = difflib.get_close_matches(name, known, 1)
        if near:
            return f"did you mean {near[0]}?"
        if known:
            return f"runs in {runs_dir}: {', '.join(sorted(known)[:5])}"
    return "begin one with `loopsim start`"


def require_folder(runs_dir: Path) -> None:
    """Raise ConfigError if what shall hold runs is no folder. It need not be there yet."""
    try:
        is_other = runs_dir.exists() and not runs_dir.is_dir()
    except OSError as error:
        raise ConfigError(f"--runs-dir {runs_dir}: {error.strerror}; name a folder") from error
    if is_other:
        raise ConfigError(f"--runs-dir {runs_dir} is a file; name the folder that holds the runs")


def new_place(runs_dir: Path, name: str) -> Path:
    """Return where a new run (or a folder of runs) of that name goes: one component, directly in `runs_dir`.

    Raises ConfigError for a name that would lead elsewhere, or that a file system or a command line cannot
    take.
    """
    require_folder(runs_dir)
    size = len(os.fsencode(name))
    if not name or name in (os.curdir, os.pardir) or os.sep in name:
        problem = "is not one name"
    elif name.startswith((".", "-")):
        problem = f"begins with {name[0]!r}"
    elif not name.isprintable():
        problem = "has characters that cannot be shown"
    elif size > MAX_NAME_BYTES:
        problem = f"has {size} bytes, more than {MAX_NAME_BYTES}"
    else:
        return runs_dir / name
    raise ConfigError(
        f"--name {name!r} {problem}; write one name of letters, digits, '-', '_' or '.', and choose the "
        "folder with --runs-dir"
    )


def free_name(runs_dir: Path, stem: str) -> str:
    """Return the first name `stem`-1, `stem`-2, … that nothing in the folder has."""
    require_folder(runs_dir)
    number = 1
    while os.path.lexists(runs_dir / f"{stem}-{number}"):
        number += 1
    return f"{stem}-{number}"


def require_generation(directory: Path, generation: int, planned: int) -> None:
    """Raise RunNotFound unless a run of `planned` generations has, or will have, that one."""
    if not 0 <= generation <= planned:
        raise RunNotFound(f"run {directory.name} has no generation {generation}; it has 0 to {planned}")
