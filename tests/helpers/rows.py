"""What a run's store says, read past the run: the one place where tests know its rows and its layout."""

from pathlib import Path

from loopsim.store.rows import (
    CheckpointRow,
    CurationRow,
    DatasetRow,
    PhaseRow,
    ReleasedRow,
    ReplicateAuditRow,
    ReplicateRow,
    SampleRow,
)
from loopsim.store.store import Store

STATE, ARTIFACTS = "state.lmdb", "artifacts"


def state_of(directory: Path) -> Store:
    """A run's store, open for reading."""
    return Store(directory / STATE, readonly=True)


def digest_on_disk(directory: Path) -> str:
    """The hash of all that a run has found, whoever wrote it."""
    with state_of(directory) as store:
        return store.digest()


def samples_of(directory: Path, generation: int) -> list[SampleRow]:
    """The candidates of S_g in order."""
    with state_of(directory) as store:
        return list(store.scan(SampleRow, generation))


def curation_of(directory: Path, generation: int) -> list[CurationRow]:
    """What became of the candidates of S_g, in their order."""
    with state_of(directory) as store:
        return list(store.scan(CurationRow, generation))


def dataset_of(directory: Path, generation: int) -> list[DatasetRow]:
    """What D_g is made of."""
    with state_of(directory) as store:
        return list(store.scan(DatasetRow, generation))


def replicate_estimate(directory: Path, replicate: int, metric: str, group: str) -> ReplicateRow | None:
    """What a replicate of the baseline's models shows."""
    with state_of(directory) as store:
        return store.get(ReplicateRow, replicate, metric, group)


def num_replicate_pictures(directory: Path, replicate: int) -> int:
    """How many answers of a replicate's generator are kept."""
    with state_of(directory) as store:
        return store.count(ReplicateAuditRow, replicate)


def num_checkpoints(directory: Path) -> int:
    """How many trainings are under way."""
    with state_of(directory) as store:
        return store.count(CheckpointRow)


def num_finished_phases(directory: Path) -> int:
    """How many phases are finished. Raises RunNotFound where there is no run yet."""
    with state_of(directory) as store:
        return store.count(PhaseRow)


def released_phases(directory: Path) -> set[tuple[int, str]]:
    """The (generation, phase) whose weights were let go."""
    with state_of(directory) as store:
        return {(row.generation, row.phase) for row in store.scan(ReleasedRow)}


def finished_phases(directory: Path) -> dict[tuple[int, str], PhaseRow]:
    """The row of each finished phase by (generation, phase)."""
    with state_of(directory) as store:
        return {(row.generation, row.phase): row for row in store.scan(PhaseRow)}


def artifact_of(directory: Path, generation: int, phase: str, part: str) -> Path:
    """The folder of what a phase has trained."""
    return directory / ARTIFACTS / finished_phases(directory)[generation, phase].artifacts[part]


def artifacts_on_disk(directory: Path) -> set[str]:
    """The names of all folders among a run's artifacts."""
    return {path.name for path in (directory / ARTIFACTS).iterdir()}


def named_artifacts(directory: Path, since: int = 0) -> set[str]:
    """The names of all artifacts that the phases of generation `since` and later have rows of."""
    return {
        name
        for (generation, _), row in finished_phases(directory).items()
        if generation >= since
        for name in row.artifacts.values()
    }
