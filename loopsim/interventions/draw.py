"""What interventions change: draws before they are made, and candidates before they are chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True)
class Draw:
    """One picture to be made: `caption` is what D_{g+1} learns, `prompt` (and `negative`) what the generator
    reads.

    `guidance` None: the sampler's.
    """

    caption: str
    prompt: str
    seed: int
    negative: str = ""
    guidance: float | None = None


@final
@dataclass(frozen=True)
class Candidate:
    """One picture that may enter S_{g+1}: its place in the pool, the caption slot that it answers, CLIP_g's
    score, what the pinned classifier sees in it (empty unless an intervention `asks_labels`), whether
    curation keeps it, what the generator read, and what an intervention's `judge` gave it, by name.
    """

    index: int
    slot: int
    group: int
    caption: str
    score: float
    labels: Mapping[str, str]
    kept: bool
    prompt: str = ""
    rewards: Mapping[str, float] = field(default_factory=dict)
