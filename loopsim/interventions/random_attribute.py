"""Random attribute: open prompts get one at random, "a photo of a cook" becomes "a photo of a female cook".

The prompted control of AlDahoul et al. (2025): what a model needs no new weights for, and so always reported
beside the adapters (`inclusive`, `diverse`). D_{g+1} still learns the caption as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, final

from pydantic import model_validator

from loopsim.config.base import Share, Weight
from loopsim.core.events import Fact
from loopsim.core.rng import numpy_generator
from loopsim.data.stated_groups import knows, stated_value
from loopsim.interventions.base import Draw, Intervention, Place
from loopsim.interventions.phrases import PHRASES, STATED, with_phrase

GENDER = "gender"


@final
class RandomAttribute(Intervention):
    """Writes one of `words` (to its weight) into a share `share` of the prompts that leave `attribute` open;
    which one is a function of the draw's seed.

    A word that begins with "with" stands after the person, any other before. By default they are the known
    attribute's (gender, skin_tone, race), uniformly; of another one a prompt states what `words` say. Two
    entries, one for gender and one for skin tone, draw the two independently.
    """

    name: ClassVar = "random_attribute"
    places: ClassVar = frozenset({Place.PROMPT})

    attribute: str = GENDER
    words: dict[str, Weight] = {}
    share: Share = 1.0

    @model_validator(mode="before")
    @classmethod
    def _usual_words(cls, tree: Any) -> Any:
        usual = PHRASES.get(str(tree.get("attribute", GENDER)), {}) if isinstance(tree, Mapping) else {}
        return {"words": dict.fromkeys(usual.values(), 1.0)} | tree if usual else tree

    @model_validator(mode="after")
    def _something_can_be_drawn(self) -> "RandomAttribute":
        if sum(self.words.values()) <= 0:
            hint = "" if self.words else f"; known without: {', '.join(PHRASES)}"
            raise ValueError(f"words needs at least one positive weight{hint}")
        return self

    def content(self) -> Any:
        # Of the gender nothing is said: so it was before there were other attributes.
        return self.model_dump(mode="json", exclude={"attribute"} if self.attribute == GENDER else None)

    def acts(self) -> bool:
        return self.share > 0

    @property
    def _stated(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """What prompts state a further attribute by."""
        own = {self.attribute: {word: (word,) for word in self.words}}
        return STATED if knows(self.attribute, STATED) else own

    def rewrite(self, draws: Sequence[Draw]) -> list[Draw]:
        return [replace(draw, prompt=self._written(draw)) for draw in draws]

    def _written(self, draw: Draw) -> str:
        # Independent of another attribute's draw for the same picture.
        rng = numpy_generator(draw.seed, self.name, *([] if self.attribute == GENDER else [self.attribute]))
        if stated_value(draw.prompt, self.attribute, self._stated) is not None or rng.random() >= self.share:
            return draw.prompt
        weights = list(self.words.values())
        word = list(self.words)[rng.choice(len(weights), p=[weight / sum(weights) for weight in weights])]
        return with_phrase(draw.prompt, word)

    def told_of_prompts(self, before: Sequence[Draw], after: Sequence[Draw]) -> dict[str, Fact]:
        changed = sum(one.prompt != other.prompt for one, other in zip(before, after, strict=True))
        return {"written": changed}
