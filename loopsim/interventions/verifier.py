"""Verifier: a picture is kept only if it shows what its prompt states (Feng et al. 2024).

A verifier need not be better than the generator: it has to be right more often than the generator is.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from loopsim.config import Config
from loopsim.core.errors import ConfigError
from loopsim.core.events import Fact
from loopsim.data.stated_groups import Words, knows, stated_groups
from loopsim.interventions.base import Candidate, Intervention, Place
from loopsim.interventions.phrases import STATED


@final
class Verifier(Intervention):
    """Keeps a candidate only if the pinned classifier agrees with all that its prompt states about
    `attributes`; a prompt that states nothing, or several values at once, cannot be disagreed with.

    Of those that pass, what curation keeps comes first, then the best-scored. `words` says how prompts state
    further attributes (or the known ones otherwise): attribute -> value -> phrases. `overdraw` times as many
    candidates are drawn as are kept: the budget. If too few pass, fewer are kept, and `shortfall` counts
    them. Without attributes it does nothing.
    """

    name: ClassVar = "verifier"
    places: ClassVar = frozenset({Place.SELECT})
    asks_labels: ClassVar = True

    attributes: tuple[str, ...] = ("gender", "skin_tone")
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    overdraw: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.5

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        require_stated(self.attributes, {**STATED, **self.words}, labels)

    def acts(self) -> bool:
        return bool(self.attributes)

    def pool_size(self, num: int) -> int:
        return math.ceil(num * self.overdraw) if self.acts() else num

    def stated(self, prompt: str) -> dict[str, str]:
        """Return what a prompt states, one value an attribute."""
        return stated_groups(prompt, self.attributes, {**STATED, **self.words})

    def agrees(self, candidate: Candidate) -> bool:
        """Return whether the classifier sees all that the candidate's prompt states."""
        stated = self.stated(candidate.prompt)
        return all(candidate.labels.get(attribute) == value for attribute, value in stated.items())

    def select(self, pool: Sequence[Candidate], num: int, rng: np.random.Generator) -> list[int]:
        passed = [position for position, candidate in enumerate(pool) if self.agrees(candidate)]
        # What curation keeps is not ranked once more: that would be another selection.
        passed.sort(key=lambda i: (not pool[i].kept, 0.0 if pool[i].kept else -pool[i].score, i))
        return sorted(passed[:num])

    def told(self, pool: Sequence[Candidate], chosen: Sequence[int]) -> dict[str, Fact]:
        stating = [candidate for candidate in pool if self.stated(candidate.prompt)]
        refused = [self.stated(one.prompt) for one in stating if not self.agrees(one)]
        groups = {value for one in stating for value in self.stated(one.prompt).values()}
        return {
            "stating": len(stating),
            "refused": len(refused),
            **{f"refused {group}": sum(group in one.values() for one in refused) for group in sorted(groups)},
        }


def require_stated(
    attributes: Sequence[str], words: Mapping[str, Words], labels: Mapping[str, Sequence[str]]
) -> None:
    """Raise ConfigError unless it is known how prompts state each attribute, and the classifier, which knows
    `labels`, knows it and every value that has words.
    """
    for attribute in attributes:
        if attribute not in labels:
            raise ConfigError(
                f"attribute {attribute!r}: the classifier does not know it; it knows {', '.join(labels)}"
            )
        if not knows(attribute, words):
            raise ConfigError(
                f"attribute {attribute!r}: how do prompts state it? Give words = {{{attribute} = "
                f'{{"{labels[attribute][0]}" = ["…"]}}}}'
            )
        unknown = sorted(set(words.get(attribute, {})) - set(labels[attribute]))
        if unknown:
            raise ConfigError(
                f"words.{attribute}.{unknown[0]}: no value that the classifier knows; it knows "
                f"{', '.join(labels[attribute])}"
            )
