"""Inclusive fine-tuning: adapters for each group, and one of them at random for whoever is left open
(AlDahoul et al. 2025).

The generator draws pictures for prompts that name a group, "a photo of a female cook with dark skin", and a
LoRA learns them under the prompts that do not, "a photo of a cook". For a prompt that leaves the person open
one of the adapters is drawn at random, so that the shares are those of the draw and no longer those of the
training data; no word is written into a prompt.

The source is silent on the text that an adapter is trained with: we chose the open one, for that is what the
adapter is asked with. It trains on pictures as they were drawn, whether they show the group or not; how many
do is told (`agreement`), and an adapter cannot be better.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, final

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from loopsim.config import Config
from loopsim.core.errors import ConfigError
from loopsim.core.events import Fact
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.data.scene_captions import with_article
from loopsim.data.stated_groups import SEVERAL, knows, stated_value
from loopsim.interventions.base import Draw, Intervention, Place
from loopsim.interventions.phrases import PHRASES, STATED, with_phrase
from loopsim.interventions.target import (
    REAL,
    Target,
    group_of,
    read_shares,
    real_shares_kept,
    require_known,
)
from loopsim.interventions.workshop import Pictures, Prepared, Workshop

if TYPE_CHECKING:
    from loopsim.models.diffusion.sampler import Sampler


@final
class Inclusive(Intervention):
    """Trains a LoRA for each group, and draws each picture of an open prompt with one of them.

    Groups are the intersections of `attributes` ("woman & darker"), or those of `groups`. `num_pictures` are
    drawn for each, of the `professions` (by default those of the corpus's world) without the `held_out` ones,
    and trained on for `num_steps` (by default as `[finetune]` says). `target` are the shares of the draw:
    "uniform", "real" (as the pinned classifier sees the real training pictures), or a table that sums to 1. A
    prompt that states something is drawn with the adapter of a group that fits (`stated = "adapter"`; of
    several one is drawn to their shares) or with none ("none"); one that states several values of an
    attribute with none. `weight` scales the adapters. `phrases` says how a value is written into prompts,
    `words` how prompts state it, by attribute, where that is not known or not as usual.
    """

    name: ClassVar = "inclusive"
    places: ClassVar = frozenset({Place.WEIGHTS})

    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = ("gender", "skin_tone")
    groups: tuple[str, ...] = ()
    target: Target = "uniform"
    stated: Literal["adapter", "none"] = "adapter"
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    num_pictures: PositiveInt = 64
    num_steps: NonNegativeInt | None = None
    professions: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    phrases: dict[str, dict[str, str]] = {}
    words: dict[str, dict[str, tuple[str, ...]]] = {}

    @model_validator(mode="after")
    def _groups_can_be_named(self) -> "Inclusive":
        for attribute in self.attributes:
            if len(self._written(attribute)) < 2:
                raise ValueError(
                    f"how is {attribute!r} written? Give phrases.{attribute} for two values or more; known "
                    f"without: {', '.join(PHRASES)}"
                )
            if not knows(attribute, self._words):
                raise ValueError(f"how do prompts state {attribute!r}? Give words.{attribute}")
        _require("groups", self.groups, self._intersections())
        _require("target", () if isinstance(self.target, str) else self.target, self.cells)
        if self.professions and not set(self.professions) - set(self.held_out):
            raise ValueError("held_out holds out all professions: none is left to train on")
        return self

    def _written(self, attribute: str) -> Mapping[str, str]:
        return self.phrases.get(attribute) or PHRASES.get(attribute, {})

    @property
    def _words(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        return {**STATED, **self.words}

    def _intersections(self) -> dict[str, dict[str, str]]:
        cells = product(*(self._written(attribute) for attribute in self.attributes))
        found = [dict(zip(self.attributes, cell, strict=True)) for cell in cells]
        return {group_of(cell, self.attributes): cell for cell in found}

    @property
    def cells(self) -> dict[str, dict[str, str]]:
        """The groups that have adapters: what each is, attribute by attribute."""
        known = self._intersections()
        return {group: known[group] for group in self.groups or known}

    def folders(self) -> dict[str, str]:
        """Return the folder of each group's adapters within what was learned."""
        return {
            group: re.sub(r"\W+", "_", f"{number} {group}").lower() for number, group in enumerate(self.cells)
        }

    def check(self, config: Config, labels: Mapping[str, Sequence[str]]) -> None:
        from loopsim.data.corpora import CORPORA

        if self.target == REAL:
            require_known(self.attributes, self.target, labels)
        known = self.professions or tuple(CORPORA.get(config.data.corpus).professions(config.data))
        for name in self.held_out:
            if name not in known:
                raise ConfigError(f"held_out {name!r}: not among the professions: {', '.join(known)}")
        if not set(known) - set(self.held_out):
            raise ConfigError("held_out holds out all professions: none is left to train on")

    def acts(self) -> bool:
        return self.weight > 0

    def prepares(self) -> bool:
        return self.acts()

    def prepare(self, workshop: Workshop) -> Prepared:
        seen = [one for one in self.professions or workshop.professions if one not in self.held_out]
        open_prompts = [f"a photo of {with_article(one)}" for one in seen]
        own = {group: workshop.draw(self._draws(workshop, group, open_prompts)) for group in self.cells}
        facts: dict[str, Fact] = {
            "num_pictures": self.num_pictures * len(own),
            "professions": len(seen),
            "held out": len(self.held_out),
        }
        for group, pictures in own.items():
            labels = workshop.labels(pictures)
            if set(self.attributes) <= set(labels[0]):  # else the classifier does not know the attributes
                seen = [group_of(one, self.attributes) for one in labels]
                facts[f"agreement {group}"] = seen.count(group) / len(seen)
        real = real_shares_kept(workshop, self.attributes) if self.target == REAL else None
        adapters = {
            folder: workshop.adapter(folder, own[group], self.num_steps)
            for group, folder in self.folders().items()
        }

        def write(place: Path) -> None:
            for folder, adapter in adapters.items():
                adapter.save(place / folder)
            if real is not None:
                real.write(place)

        return Prepared(write, facts | dict(real.facts if real is not None else {}))

    def _draws(self, workshop: Workshop, group: str, open_prompts: Sequence[str]) -> list[Draw]:
        """Return the draws of a group's pictures: of the same prompts and seeds for each group, so that they
        differ in what the group makes of them.
        """
        draws, cell = [], self.cells[group]
        for number in range(self.num_pictures):
            caption = open_prompts[number % len(open_prompts)]
            draws.append(Draw(caption, self.naming(caption, cell), seed_for(*workshop.seed, "own", number)))
        return draws

    def naming(self, prompt: str, cell: Mapping[str, str]) -> str:
        """Return an open prompt with a group written into it."""
        for attribute in self.attributes:
            prompt = with_phrase(prompt, self._written(attribute)[cell[attribute]])
        return prompt

    def shares(self) -> dict[str, float]:
        """Return the share of each group among the pictures of open prompts."""
        found = (
            read_shares(self.prepared)
            if self.target == REAL
            else dict.fromkeys(self.cells, 1.0)
            if isinstance(self.target, str)
            else self.target
        )
        return _to_one({group: found.get(group, 0.0) for group in self.cells})

    def fitting(self, prompt: str, shares: Mapping[str, float]) -> dict[str, float]:
        """Return the groups whose adapters a prompt may be drawn with, each with its chance; empty if it is
        drawn with none.
        """
        said = {attribute: stated_value(prompt, attribute, self._words) for attribute in self.attributes}
        said = {attribute: value for attribute, value in said.items() if value is not None}
        if SEVERAL in said.values() or (said and self.stated == "none"):
            return {}
        fit = {
            group: shares[group]
            for group, cell in self.cells.items()
            if all(cell[attribute] == value for attribute, value in said.items())
        }
        return _to_one(fit)

    def adapt(self, sampler: "Sampler", training_set: Pictures | None) -> None:
        from loopsim.models.diffusion.sampler import Routed

        if not self.acts():
            return
        shares = self.shares()

        def route(prompt: str, seed: int) -> str | None:
            chances = self.fitting(prompt, shares)
            if not chances:
                return None
            drawn = numpy_generator(seed, self.name).choice(len(chances), p=list(chances.values()))
            return list(chances)[drawn]

        folders = {group: self.prepared / folder for group, folder in self.folders().items()}
        sampler.routed.append(Routed(folders, route, self.weight))


def _require(key: str, groups: Iterable[str], there: Mapping[str, object]) -> None:
    for group in groups:
        if group not in there:
            raise ValueError(f"{key}: there is no group {group!r}; there are {', '.join(there)}")


def _to_one(shares: Mapping[str, float]) -> dict[str, float]:
    """Return shares scaled so that they sum to 1; where all are 0 (a stated group that nobody asked for) they
    are equal.
    """
    total = sum(shares.values())
    return {group: share / total if total else 1 / len(shares) for group, share in shares.items()}
