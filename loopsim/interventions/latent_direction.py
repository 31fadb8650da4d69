"""Latent directions: first noises are moved the way that leads from one group's pictures to another's (Lopez
Olmos et al. 2024, arXiv 2406.06352).

Nothing of the model changes, and drawing costs what it did: z_T <- z_T + ω d, once. Several directions add:
each is an intervention of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, final

from pydantic import Field, PrivateAttr, model_validator

from loopsim.config import Config
from loopsim.config.base import Share
from loopsim.core.errors import ConfigError
from loopsim.core.events import Fact
from loopsim.core.hashing import hash_file
from loopsim.core.rng import Part, numpy_generator, seed_for
from loopsim.data.stated_groups import knows, stated_value
from loopsim.interventions.base import Draw
from loopsim.interventions.latent_shift import LatentShift
from loopsim.interventions.workshop import Prepared, Workshop

if TYPE_CHECKING:
    from torch import Tensor

    from loopsim.models.diffusion.directions import About, Directions

# The prompts of an attribute's two sides; ω > 0 leads to the second.
SIDES: Final[Mapping[str, tuple[str, str]]] = {
    "gender": ("a photo of a man", "a photo of a woman"),
    "skin_tone": ("a photo of a person with light skin", "a photo of a person with dark skin"),
}
_FILE = "directions.safetensors"


@final
class LatentDirection(LatentShift):
    """Moves pictures along the direction that leads from one side's prompt to the other's.

    The sides are `attribute`'s (`gender`: from men to women; `skin_tone`: from lighter to darker), or
    `prompts` = [away, toward]. The direction is fitted on `num_pictures` pictures of each side, at the step
    that is `step_share` of the way through a drawing: in every generation on the model that will draw (`fit`
    = "generation"), or on the base model ("base"). Or it is read from `file`, which `loopsim directions` made
    on the base model.

    A picture whose prompt states the attribute stays as it is, unless `stated` is set; `words` say how
    prompts state an attribute that loopsim does not know.
    """

    name: ClassVar = "latent_direction"

    attribute: str | None = None
    prompts: tuple[str, str] | None = None
    file: str | None = None
    fit: Literal["generation", "base"] = "generation"
    num_pictures: Annotated[int, Field(ge=2)] = 50
    step_share: Share = 0.2
    stated: bool = False
    words: dict[str, tuple[str, ...]] = {}

    _file_about: "About | None" = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _has_two_sides(self) -> "LatentDirection":
        if self.file is not None and (self.attribute is not None or self.prompts is not None):
            raise ValueError(f"{self.file} says what it was fitted on: leave attribute and prompts out")
        if self.prompts is None and self.attribute is not None and self.attribute not in SIDES:
            raise ValueError(
                f"which prompts draw the two sides of {self.attribute!r}? Give prompts = [away, toward]; "
                f"known without: {', '.join(SIDES)}"
            )
        if self.prompts is not None and len({prompt.strip() for prompt in self.prompts} - {""}) < 2:
            raise ValueError("prompts needs two different ones, [away, toward]")
        if self.words and self.attribute is None:
            raise ValueError("words say how prompts state an attribute: name it")
        return self

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        if self.file is None:
            return
        from loopsim.models.base_weights import fingerprint_of_generator, weights_folder
        from loopsim.models.diffusion.directions import require_fitting

        model = fingerprint_of_generator(config, weights_folder(config))
        require_fitting(Path(self.file), self._about(), model, None, config.data.image_size)

    def content(self) -> Any:
        settings = self.model_dump(mode="json", exclude={"file"})
        return settings | {"file": None if self.file is None else hash_file(self._path()).hex()}

    def prepares(self) -> bool:
        return self.acts() and self.file is None

    def prepare(self, workshop: Workshop) -> Prepared:
        if self.fit == "base":
            found = workshop.once(lambda: self._fitted(workshop))
        else:
            found = self._fitted(workshop)
        about = found.about
        facts: dict[str, Fact] = {
            "step": about.recommended,
            "accuracy": about.accuracies[about.recommended],
            "num_held_out": about.num_held_out,
        }
        return Prepared(lambda folder: found.save(folder / _FILE), facts)

    def _fitted(self, workshop: Workshop) -> "Directions":
        from loopsim.models.diffusion.directions import fit_directions, step_at

        sampler, sides = workshop.sampler(base=self.fit == "base"), self._sides
        # The same noises in every generation: what differs between their directions is the model.
        name = (workshop.seed[0], *self.stream)
        return fit_directions(
            sampler,
            sides,
            [seed_for(*name, "picture", number) for number in range(self.num_pictures)],
            numpy_generator(*name, "held out").permutation(self.num_pictures),
            [step_at(self.step_share, sampler.num_steps)],
            batch_size=workshop.batch_size,
            attribute=self._attribute,
            recommended=self.step_share,
        )

    def unit_direction(self, shape: Sequence[int]) -> "Tensor":
        from loopsim.models.diffusion.directions import read_directions

        if self.file is None:
            found = read_directions(self.prepared / _FILE)
            return found.unit(found.about.recommended, shape)
        step = self._about().nearest(self.step_share)
        return read_directions(self._path(), [step]).unit(step, shape)

    def moves(self, draw: Draw) -> bool:
        attribute, words = self._attribute, self._words
        if self.stated or attribute is None or not knows(attribute, words):
            return True
        return stated_value(draw.prompt, attribute, words) is None

    @property
    def stream(self) -> tuple[Part, ...]:
        return (self.name, *self._sides)

    @property
    def _attribute(self) -> str | None:
        if self.file is not None:
            return self._about().attribute
        return self.attribute if self.attribute is not None or self.prompts is not None else "gender"

    @property
    def _words(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return {self._attribute: self.words} if self.words and self._attribute is not None else {}

    @property
    def _sides(self) -> tuple[str, str]:
        if self.file is not None:
            return self._about().away, self._about().toward
        return self.prompts or SIDES[self.attribute or "gender"]

    def _path(self) -> Path:
        path = Path(str(self.file))
        if not path.is_file():
            raise ConfigError(f"file = {self.file!r}: no such file; `loopsim directions` makes one")
        return path

    def _about(self) -> "About":
        if self._file_about is None:  # asked for with each picture
            from loopsim.models.diffusion.directions import read_about

            self._file_about = read_about(self._path())
        return self._file_about
