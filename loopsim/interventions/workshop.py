"""What an intervention may use to learn something: the round's models and pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar, final

from loopsim.core.events import Fact
from loopsim.core.rng import Part

if TYPE_CHECKING:
    from torch import Tensor, nn

    from loopsim.config import EncoderConfig
    from loopsim.interventions.draw import Draw
    from loopsim.models.diffusion.adapters import Adapter
    from loopsim.models.diffusion.sampler import Sampler
    from loopsim.models.training import Losses, Schedule

T = TypeVar("T")


class Pictures(Protocol):
    """A set of pictures, uint8 [k, h, w, 3] by position, with their captions."""

    def __len__(self) -> int: ...
    def captions(self, position: int) -> Sequence[str]: ...
    def images(self, positions: Sequence[int]) -> "Tensor": ...
    def select(self, positions: Sequence[int]) -> Self:
        """Return the set of some of its pictures; one may be there several times."""
        ...


class Pool(Pictures, Protocol):
    """What D_g is chosen from. Origins are hidden; what pictures say of themselves is not."""

    def signature(self, position: int) -> int | None:
        """Return what a generated picture's signed metadata said when it was drawn, its seed; None for a
        real one.
        """
        ...


class Rulers(Protocol):
    """The pinned models, which no generation trains."""

    def labels(self, pictures: Pictures) -> Sequence[Mapping[str, str]]:
        """Return what the classifier sees in each picture: attribute -> value."""
        ...

    def features(self, pictures: Pictures, encoder: "EncoderConfig | None" = None) -> "Tensor":
        """Return unit-norm features, float32 [n, d] on the CPU, by the run's encoder or another one."""
        ...

    def likeness(self, pictures: Pictures, encoder: "EncoderConfig | None" = None) -> "Tensor":
        """Return the cosine of each picture with its first caption, float32 [n] on the CPU, by the run's
        encoder or another frozen one.
        """
        ...


class Workshop(Rulers, Protocol):
    """Where an intervention prepares itself: after SD_{g-1} was fine-tuned, before it draws S_g.

    All that takes long is resumable: pictures are stored as they are drawn, and a training has its
    checkpoints. What is computed must be a function of `seed` and of what is asked of the workshop, in the
    same order each time.
    """

    @property
    def generation(self) -> int:
        """g, whose S_g will be drawn."""
        ...

    @property
    def seed(self) -> tuple[Part, ...]:
        """Parts for `core.rng`, of this run, generation and intervention alone."""
        ...

    @property
    def device(self) -> str:
        """Where models compute, as torch names it."""
        ...

    @property
    def batch_size(self) -> int:
        """How many pictures are drawn at a time."""
        ...

    def sampler(self, *, base: bool = False) -> "Sampler":
        """Return SD_{g-1} as the loop trained it, or the base model, for the intervention alone: it may be
        changed.
        """
        ...

    def once(self, make: Callable[[], T]) -> T:
        """Return what `make` gives, made once a session: for what is the same in every generation."""
        ...

    def draw(self, draws: Sequence["Draw"], adapt: "Callable[[Sampler], None] | None" = None) -> Pictures:
        """Return what SD_{g-1} alone, or as `adapt` changes it, draws, in order, each with its `caption`."""
        ...

    @property
    def professions(self) -> Sequence[str]:
        """The professions of the corpus's world."""
        ...

    def training_set(self) -> Pictures:
        """Return D_{g-1}."""
        ...

    def real(self) -> Pictures:
        """Return the corpus's training pictures."""
        ...

    def made(self, generation: int) -> Pictures | None:
        """Return what was kept of S_k, for 1 <= k < g; None if there is none."""
        ...

    def adapter(self, part: str, pictures: Pictures, num_steps: int | None = None) -> "Adapter":
        """Return LoRA weights for SD_{g-1}, trained on pictures as `[finetune]` says (`num_steps`: its own
        by default). `part` names the training within the intervention.
        """
        ...

    def fit(
        self,
        part: str,
        module: "nn.Module",
        losses_of_step: Callable[[int], "Losses"],
        schedule: "Schedule",
    ) -> None:
        """Train a module of the intervention's own in place."""
        ...


@final
@dataclass(frozen=True)
class Prepared:
    """What an intervention learned: `write` fills a folder, which it gets back whenever it acts; `facts` are
    for people.
    """

    write: Callable[[Path], None]
    facts: Mapping[str, Fact] = field(default_factory=dict)
