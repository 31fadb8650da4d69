"""Which runs there are, and where each stands. Reads the stores only."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

from loopsim.context.phase_names import all_phases
from loopsim.core.errors import LoopsimError, RunNotFound
from loopsim.store.rows import ConfigRow, PhaseRow, SampleRow
from loopsim.store.store import Store

STATE = "state.lmdb"


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

    @property
    def finished(self) -> bool:
        """True if nothing is left to do."""
        return self.next_phase is None


def run_state(directory: Path) -> RunState:
    """Return where a run stands. Raises RunNotFound if the directory is not a run."""
    with Store(directory / STATE, readonly=True) as store:
        config = store.get(ConfigRow)
        if config is None:
            raise RunNotFound(f"{directory}: not a loopsim run (its store has no config)")
        done, num_samples = set(), 0
        for row in store.scan(PhaseRow):
            done.add((row.generation, row.phase))
            drawn = row.facts.get("num_candidates", 0)
            num_samples += drawn if isinstance(drawn, int) else 0
        # Finished generations say how many they drew; only the one under way is counted.
        num_samples += store.count(SampleRow, 1 + sum(name == "generate" for _, name in done))
    planned, replicates = config.tree["generations"], config.tree["evaluate"]["num_replicates"]
    todo = [place for place in all_phases(planned, replicates) if place not in done]
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
    found = [path for path in runs_dir.iterdir() if is_run(path) and not path.name.startswith(".")]
    return sorted((_state_or_damage(path) for path in found), key=lambda state: -state.changed_at)


def is_run(directory: Path) -> bool:
    """Return whether a folder holds a run's store."""
    return (directory / STATE / "data.mdb").is_file()


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
            if is_run(candidate):
                return candidate
        known = ", ".join(state.name for state in list_runs(runs_dir)[:5])
        where = Path(name) if Path(name).exists() else runs_dir / name
        problem = "is not a loopsim run" if where.exists() else "does not exist"
        hint = f"; runs in {runs_dir}: {known}" if known else "; begin one with `loopsim start`"
        raise RunNotFound(f"run {where} {problem}{hint}")
    states = [state for state in list_runs(runs_dir) if not (unfinished and state.finished)]
    if not states:
        kind = "unfinished " if unfinished else ""
        raise RunNotFound(f"no {kind}run in {runs_dir}; begin one with `loopsim start`")
    return states[0].directory


def free_name(runs_dir: Path, stem: str) -> str:
    """Return the first name `stem`-1, `stem`-2, … that no run has."""
    number = 1
    while (runs_dir / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"
