"""Prompt balancing: open prompts get an attribute so that a round's prompts have the shares that they should
(as in FairT2I).

Unlike a random attribute it counts what prompts state already: where captions name more men, the open ones
get women.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, final

from pydantic import model_validator

from loopsim.config import Config
from loopsim.config.base import Share
from loopsim.core.errors import ConfigError
from loopsim.core.events import Fact
from loopsim.core.rng import numpy_generator
from loopsim.data.stated_groups import knows, stated_value
from loopsim.interventions.base import Draw, Intervention, Place
from loopsim.interventions.phrases import PHRASES, STATED, with_phrase
from loopsim.interventions.target import REAL, Target, counts_to, read_shares, real_shares_kept, require_known
from loopsim.interventions.workshop import Prepared, Workshop


@final
class PromptBalancing(Intervention):
    """Writes a value of `attribute` into a share `share` of the prompts that leave it open, so that all of a
    round's prompts that state one come as near to `target` as they can.

    Which prompt gets which is drawn once, for the whole round, before a picture is: what is "drawn so far"
    are the prompts that state the attribute, wherever they stand, and those that were written to. So a
    picture does not depend on how many processes draw, or on what the others show. The shares are of prompts;
    whether pictures follow them is another question (a verifier's). `phrases` says how each value is written:
    one that begins with "with" stands after the person, any other before. `words`: how prompts state it, if
    not as usual. D_{g+1} learns the caption as it was.
    """

    name: ClassVar = "prompt_balancing"
    places: ClassVar = frozenset({Place.PROMPT})

    attribute: str = "gender"
    target: Target = "uniform"
    phrases: dict[str, str] = {}
    words: dict[str, tuple[str, ...]] = {}
    share: Share = 1.0

    @model_validator(mode="after")
    def _can_be_written(self) -> "PromptBalancing":
        if not self.written:
            raise ValueError(
                f"how is {self.attribute!r} written? Give phrases, value by value; known without: "
                f"{', '.join(PHRASES)}"
            )
        if not knows(self.attribute, self._words):
            raise ValueError(f"how do prompts state {self.attribute!r}? Give words, value by value")
        missing = [] if isinstance(self.target, str) else sorted(set(self.target) - set(self.written))
        if missing:
            raise ValueError(f"target {missing[0]!r} has no phrase; there are {', '.join(self.written)}")
        return self

    @property
    def written(self) -> Mapping[str, str]:
        """How each value is written into a prompt."""
        return self.phrases or PHRASES.get(self.attribute, {})

    @property
    def _words(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return {**STATED, self.attribute: self.words} if self.words else STATED

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        if self.target == REAL:
            require_known([self.attribute], self.target, labels)
            unwritten = [value for value in labels[self.attribute] if value not in self.written]
            if unwritten:
                raise ConfigError(f"phrases has none for {unwritten[0]!r}, which real pictures show")

    def acts(self) -> bool:
        return self.share > 0

    def prepares(self) -> bool:
        return self.acts() and self.target == REAL

    def prepare(self, workshop: Workshop) -> Prepared:
        return real_shares_kept(workshop, [self.attribute])

    def shares(self) -> Mapping[str, float]:
        """Return the share that each value should have among the prompts that state one."""
        if not isinstance(self.target, str):
            return self.target
        return read_shares(self.prepared) if self.target == REAL else dict.fromkeys(self.written, 1.0)

    def rewrite(self, draws: Sequence[Draw]) -> list[Draw]:
        if not self.acts() or not draws:
            return list(draws)
        stated = [self._stated(draw) for draw in draws]
        open_ones = [
            number
            for number, draw in enumerate(draws)
            if stated[number] is None and numpy_generator(draw.seed, self.name).random() < self.share
        ]
        values = self.assigned(stated, len(open_ones))
        order = numpy_generator(draws[0].seed, self.name, self.attribute).permutation(len(open_ones))
        found = list(draws)
        for place, value in zip(order, values, strict=True):
            draw = draws[open_ones[place]]
            found[open_ones[place]] = replace(draw, prompt=with_phrase(draw.prompt, self.written[value]))
        return found

    def assigned(self, stated: Sequence[str | None], num_open: int) -> list[str]:
        """Return the values for `num_open` prompts, given what the others state: with them the counts of all
        come to the target's, as far as nothing is taken away from what is stated.
        """
        shares = self.shares()
        have = {value: stated.count(value) for value in shares}
        wanted = counts_to(shares, sum(have.values()) + num_open)
        missing = {value: max(0, wanted[value] - have[value]) for value in shares}
        given = counts_to(missing, num_open)
        return [value for value, count in given.items() for _ in range(count)]

    def _stated(self, draw: Draw) -> str | None:
        return stated_value(draw.prompt, self.attribute, self._words)

    def _value_in(self, old: Draw, new: Draw) -> str | None:
        written = self.written.items()
        return next((v for v, phrase in written if with_phrase(old.prompt, phrase) == new.prompt), None)

    def told_of_prompts(self, before: Sequence[Draw], after: Sequence[Draw]) -> dict[str, Fact]:
        shares, pairs = self.shares(), list(zip(before, after, strict=True))
        said = [self._stated(old) if old == new else self._value_in(old, new) for old, new in pairs]
        stated = [value for value in said if value in shares]
        total = sum(shares.values())
        have = {value: stated.count(value) / len(stated) if stated else 0.0 for value in shares}
        return {
            "written": sum(old != new for old, new in pairs),
            **{f"share {value}": share for value, share in have.items()},
            "gap": max(abs(have[value] - share / total) for value, share in shares.items()),
        }
