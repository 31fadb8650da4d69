"""What a run's state is made of: one frozen dataclass a table, with its key, its JSON fields and its bytes.

A row's key is the first fields of its class (`KEY`); `BLOB` names the field that is kept as bytes beside the
JSON, for what JSON does not carry well (a picture, an array). Everything else is JSON, checked when it is
read.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from loopsim.store.keys import Table
from loopsim.store.row import MetaRow, Row

Fact = int | float | str | None


@final
@dataclass(frozen=True)
class ConfigRow(MetaRow):
    """The resolved config, as JSON."""

    NAME = "config"
    tree: dict[str, Any]


@final
@dataclass(frozen=True)
class BaseWeightsRow(MetaRow):
    """One hash of all base models that the config names."""

    NAME = "weights"
    hash: str


@final
@dataclass(frozen=True)
class ManifestRow(MetaRow):
    """The hash of the corpus's frozen content; a run whose corpus has none has no such row."""

    NAME = "manifest"
    hash: str


@final
@dataclass(frozen=True)
class PackagesRow(MetaRow):
    """The installed packages that bring what the config names: choice -> (package, version)."""

    NAME = "packages"
    packages: dict[str, tuple[str, str]]


@final
@dataclass(frozen=True)
class PastEntry:
    """Of a fork: up to which generation (exclusive) it was simulated under which config and base weights."""

    until: int
    config: dict[str, Any]
    weights: str


@final
@dataclass(frozen=True)
class PastRow(MetaRow):
    """What a fork was before it was one, the oldest first."""

    NAME = "past"
    entries: list[PastEntry]


@final
@dataclass(frozen=True)
class Seal:
    """How many rows there were when something was finished, by table, and one hash of them all.

    `counts` is None in a generation's seal of schema 2 or 3 (see seals.py).
    """

    hash: str
    num_rows: int
    counts: Mapping[str, int] | None


ArtifactName = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]  # the hash of its content


@final
@dataclass(frozen=True)
class PhaseRow(Row):
    """A finished phase: its row is what makes it finished.

    `fingerprint` hashes all that decides its result; `artifacts` names folders by part, `files` the hashes of
    their files; `facts` are for people; only a commit has a `seal`.
    """

    TABLE = Table.PHASE
    KEY = ("generation", "phase")
    generation: int
    phase: str
    fingerprint: str
    artifacts: Mapping[str, ArtifactName]
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    seal: Seal | None = None


@final
@dataclass(frozen=True)
class DatasetRow(Row):
    """Which picture stands at a position of D_g.

    `made_for` 0: the real picture of caption slot `slot` in the corpus's draw `index`. Else candidate `index`
    of S_made_for; its `slot` is None only in rows of schema 2, whose samples know it.
    """

    TABLE = Table.DATASET
    KEY = ("generation", "position")
    generation: int
    position: int
    made_for: int
    index: int
    slot: int | None

    @property
    def is_real(self) -> bool:
        """Whether it is a picture of the corpus."""
        return self.made_for == 0


@final
@dataclass(frozen=True)
class SampleRow(Row):
    """One candidate of S_g with its lineage.

    `caption` is what CLIP scores and D_{g} learns, `prompt` (and `negative`) what the generator read; they
    differ where an intervention rewrote the prompt. `slot` is the caption slot that it answers, `group` the
    candidates that compete, `origin` who wrote the caption, `model` the fingerprint of the weights that drew
    it in `made_in`. `guidance` None: the config's.
    """

    TABLE = Table.SAMPLE
    KEY = ("generation", "index")
    BLOB = "picture"
    generation: int
    index: int
    slot: int
    group: int
    origin: Literal["original", "captioner"]
    caption: str
    prompt: str
    seed: int
    model: str
    made_in: int
    negative: str = ""
    guidance: float | None = None
    picture: bytes = b""


@final
@dataclass(frozen=True)
class CurationRow(Row):
    """CLIP_g's score of a candidate, whether it was kept, and why."""

    TABLE = Table.CURATION
    KEY = ("generation", "index")
    generation: int
    index: int
    clip_score: float
    kept: bool
    reason: str


@final
@dataclass(frozen=True)
class PreparedRow(Row):
    """A picture that SD_{g-1} drew for intervention number `intervention` of the config to learn from."""

    TABLE = Table.PREPARED
    KEY = ("generation", "intervention", "index")
    BLOB = "picture"
    generation: int
    intervention: int
    index: int
    prompt: str
    seed: int
    picture: bytes = b""


@dataclass(frozen=True)
class AuditFields(Row):
    """What a generator drew for a neutral prompt."""

    BLOB = "picture"
    prompt: str
    profession: str
    seed: int
    picture: bytes = b""


@final
@dataclass(frozen=True)
class AuditRow(AuditFields):
    """An answer of the generator that drew S_g."""

    TABLE = Table.AUDIT
    KEY = ("generation", "index")
    generation: int = 0
    index: int = 0


@final
@dataclass(frozen=True)
class ReplicateAuditRow(AuditFields):
    """An answer of the generator of a replicate of the baseline."""

    TABLE = Table.REPLICATE_AUDIT
    KEY = ("replicate", "index")
    replicate: int = 0
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class EstimateRow(Row):
    """One estimate: a metric of a group, on n items, with its interval and its bootstrap replicates.

    `value` is None with a `reason` where nothing could be measured. `baseline` is the generation that drift
    is counted from; `has_model`: a retraining with another seed moves it.
    """

    BLOB = "replicates"
    metric: str
    group: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    is_bias: bool
    reason: str | None
    section: str
    baseline: int
    has_model: bool
    replicates: bytes = b""  # float32, little-endian

    def __post_init__(self) -> None:
        if len(self.replicates) % 4:
            raise ValueError(f"replicates: {len(self.replicates)} bytes are no numbers of 4")

    @property
    def resampled(self) -> npt.NDArray[np.float32]:
        """The bootstrap replicates, float32 [B]; empty where there are none."""
        return np.frombuffer(self.replicates, "<f4")


@dataclass(frozen=True, kw_only=True)
class MeasuredRow(EstimateRow):
    """An estimate of one generation."""

    KEY = ("generation", "metric", "group")
    generation: int


@final
@dataclass(frozen=True, kw_only=True)
class MetricRow(MeasuredRow):
    """Measured in the loop, and sealed with its generation."""

    TABLE = Table.METRIC


@final
@dataclass(frozen=True, kw_only=True)
class AddedMetricRow(MeasuredRow):
    """Measured after its generation was sealed."""

    TABLE = Table.ADDED


@final
@dataclass(frozen=True, kw_only=True)
class ReplicateRow(EstimateRow):
    """What a replicate of the baseline's models shows."""

    TABLE = Table.REPLICATE
    KEY = ("replicate", "metric", "group")
    replicate: int


@final
@dataclass(frozen=True, kw_only=True)
class AddedReplicateRow(EstimateRow):
    """What a replicate shows, measured after the baseline was sealed."""

    TABLE = Table.ADDED_REPLICATE
    KEY = ("replicate", "metric", "group")
    replicate: int


@dataclass(frozen=True)
class ScoresRow(Row):
    """A metric's per-item scores, so that groups can be re-cut without asking a model again."""

    KEY = ("generation", "metric")
    BLOB = "data"
    generation: int
    metric: str
    shape: tuple[int, ...]
    data: bytes = b""  # float32, little-endian

    def __post_init__(self) -> None:
        if min(self.shape, default=0) < 0 or len(self.data) != 4 * math.prod(self.shape):
            raise ValueError(f"data: {len(self.data)} bytes are not {self.shape} numbers of 4")

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """The scores, float32 of `shape`; the first axis is the items'."""
        return np.frombuffer(self.data, "<f4").reshape(self.shape)


@final
@dataclass(frozen=True)
class ItemsRow(ScoresRow):
    """Scores of a metric that the loop measured."""

    TABLE = Table.ITEMS


@final
@dataclass(frozen=True)
class AddedItemsRow(ScoresRow):
    """Scores of a metric that was added later."""

    TABLE = Table.ADDED_ITEMS


@final
@dataclass(frozen=True)
class AddedSealRow(Row):
    """What was added to a generation after it was sealed: of the baseline, its replicates' too."""

    TABLE = Table.ADDED_SEAL
    KEY = ("generation",)
    generation: int
    seal: Seal


@final
@dataclass(frozen=True)
class CheckpointRow(Row):
    """A training's newest complete checkpoint: how many steps are finished, and the artifact of its state."""

    TABLE = Table.CHECKPOINT
    KEY = ("generation", "phase")
    generation: int
    phase: str
    finished: int
    artifact: ArtifactName


@final
@dataclass(frozen=True)
class AttemptRow(Row):
    """One attempt at a phase: when, for how long, on which machine, and what became of it."""

    TABLE = Table.ATTEMPT
    KEY = ("number",)
    number: int
    generation: int
    phase: str
    started: float
    seconds: float
    outcome: Literal["finished", "interrupted", "failed"]
    machine: dict[str, Any]
    error: str | None = None


@final
@dataclass(frozen=True)
class ReleasedRow(Row):
    """A phase whose weights were let go, and by which retention."""

    TABLE = Table.RELEASED
    KEY = ("generation", "phase")
    generation: int
    phase: str
    keep: str


ROWS: tuple[type[Row], ...] = (
    ConfigRow, BaseWeightsRow, ManifestRow, PackagesRow, PastRow, PhaseRow, DatasetRow, SampleRow,
    CurationRow, PreparedRow, AuditRow, ReplicateAuditRow, MetricRow, AddedMetricRow, ReplicateRow,
    AddedReplicateRow, ItemsRow, AddedItemsRow, AddedSealRow, CheckpointRow, AttemptRow, ReleasedRow,
)  # fmt: skip
