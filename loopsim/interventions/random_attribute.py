"""Random attribute: open prompts get one at random, "a photo of a cook" becomes "a photo of a female cook".

The prompted control of AlDahoul et al. (2025): what a model needs no new weights for. D_{g+1} still learns
the caption as it was.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from pydantic import model_validator

from loopsim.config.base import Share, Weight
from loopsim.core.gendered_words import caption_gender
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import Draw, Intervention, Place

_SOMEONE = re.compile(r"\bsomeone\b", re.IGNORECASE)
# The first thing that is no picture: "a photo of a cook", "an artist next to a dog".
_PERSON = re.compile(r"\b(?:an?)\s+(?!(?:photo|picture|image|portrait|drawing)\b)", re.IGNORECASE)


@final
class RandomAttribute(Intervention):
    """Writes one of `words` (to its weight) into a share `share` of the prompts that name no gender; which
    one is a function of the draw's seed.
    """

    name: ClassVar = "random_attribute"
    places: ClassVar = frozenset({Place.PROMPT})

    words: dict[str, Weight] = {"female": 1.0, "male": 1.0}
    share: Share = 1.0

    @model_validator(mode="after")
    def _something_can_be_drawn(self) -> "RandomAttribute":
        if sum(self.words.values()) <= 0:
            raise ValueError("words needs at least one positive weight")
        return self

    def rewrite(self, draws: Sequence[Draw]) -> list[Draw]:
        return [replace(draw, prompt=self._written(draw)) for draw in draws]

    def _written(self, draw: Draw) -> str:
        rng = numpy_generator(draw.seed, self.name)
        if caption_gender(draw.prompt) != "neutral" or rng.random() >= self.share:
            return draw.prompt
        weights = list(self.words.values())
        word = list(self.words)[rng.choice(len(weights), p=[weight / sum(weights) for weight in weights])]
        return with_adjective(draw.prompt, word)


def with_adjective(prompt: str, word: str) -> str:
    """Return a prompt whose first person has an adjective; one without a place for it gets it at its end."""
    article = "an" if word[:1].lower() in "aeiou" else "a"
    for pattern, text in ((_SOMEONE, f"{article} {word} person"), (_PERSON, f"{article} {word} ")):
        written, count = pattern.subn(text, prompt, count=1)
        if count:
            return written
    return f"{prompt}, {word}"
