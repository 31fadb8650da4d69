"""Zero-shot classification with a frozen CLIP: which of an attribute's prompts is nearest to a picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from loopsim.config import ClassifierConfig
from loopsim.core.device import Device
from loopsim.core.errors import ConfigError
from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.classifier_kind import ClassifierKind
from loopsim.models.clip import Clip

# What zero-shot classification asks CLIP, in loopsim's words for the groups.
PROMPTS: dict[str, dict[str, tuple[str, ...]]] = {
    "gender": {
        "man": ("a photo of a man", "a photo of a male person"),
        "woman": ("a photo of a woman", "a photo of a female person"),
    },
    "skin_tone": {
        "lighter": ("a photo of a person with light skin", "a photo of a light-skinned person"),
        "darker": ("a photo of a person with dark skin", "a photo of a dark-skinned person"),
    },
    "race": {
        "black": ("a photo of a Black person",),
        "east_asian": ("a photo of an East Asian person",),
        "indian": ("a photo of an Indian person",),
        "latino_hispanic": ("a photo of a Latino or Hispanic person",),
        "middle_eastern": ("a photo of a Middle Eastern person",),
        "southeast_asian": ("a photo of a Southeast Asian person",),
        "white": ("a photo of a White person",),
    },
    "age_group": {
        "baby_and_child": ("a photo of a baby", "a photo of a child"),
        "young": ("a photo of a young person",),
        "adult": ("a photo of an adult person",),
        "senior": ("a photo of an old person", "a photo of a senior person"),
    },
}
# What stands for pictures without people. None says "no" or "without": CLIP hears what is denied as if it
# were there (Alhamoud et al., CVPR 2025, arXiv 2501.09425).
NOBODY = (
    "a photo of an animal",
    "a photo of an object",
    "a photo of food",
    "a photo of a vehicle",
    "a photo of a building",
    "a photo of a landscape",
    "a photo of an empty room",
)


@final
@dataclass(frozen=True)
class ZeroShotClassifier(AttributeClassifier):
    """A frozen CLIP: of an attribute's values the one whose prompts' mean feature is nearest to the
    picture's. `texts[attribute]` is [values, d].

    A picture whose nearest prompt of all is one of `nobody` [m, d], and none of `somebody` [n, d] (every
    value's), has no label. That is one decision for a picture, not one for each attribute: shares of all
    attributes are of the same pictures, and whether there is a person is asked of all that people may be.
    """

    clip: Clip
    texts: Mapping[str, Tensor]
    somebody: Tensor
    nobody: Tensor | None = None

    def label(self, images: Tensor) -> list[dict[str, str]]:
        features = self.clip.encode_images(images)
        shows = self._shows_somebody(features)
        chosen = {
            attribute: (features @ texts.T).argmax(-1).tolist() for attribute, texts in self.texts.items()
        }
        return [
            {name: self.values[name][chosen[name][i]] if shows[i] else "" for name in self.values}
            for i in range(len(images))
        ]

    def _shows_somebody(self, features: Tensor) -> list[bool]:
        if self.nobody is None:
            return [True] * len(features)
        nearest = [(features @ prompts.T).amax(-1) for prompts in (self.somebody, self.nobody)]
        found: list[bool] = (nearest[0] >= nearest[1]).tolist()
        return found


def zero_shot(
    clip: Clip,
    attributes: Sequence[str],
    prompts: Mapping[str, Mapping[str, Sequence[str]]],
    nobody: Sequence[str] = (),
) -> ZeroShotClassifier:
    """Return a zero-shot classifier of these attributes, which abstains where one of the prompts `nobody` is
    nearest. Raises ConfigError for an attribute that has no prompts.
    """
    values, texts, somebody = {}, {}, []
    for attribute, asked in _prompts(attributes, prompts).items():
        values[attribute] = tuple(asked)
        features = [clip.encode_texts(list(texts_of)) for texts_of in asked.values()]
        texts[attribute] = nn.functional.normalize(torch.stack([one.mean(0) for one in features]), dim=-1)
        somebody += features
    return ZeroShotClassifier(
        clip,
        texts,
        torch.cat(somebody),
        clip.encode_texts(list(nobody)) if nobody else None,
        values=values,
        abstains=frozenset(values if nobody else ()),
    )


def _prompts(
    attributes: Sequence[str], prompts: Mapping[str, Mapping[str, Sequence[str]]]
) -> dict[str, Mapping[str, Sequence[str]]]:
    found: dict[str, Mapping[str, Sequence[str]]] = {}
    for attribute in dict.fromkeys((*attributes, *prompts)):
        asked = prompts.get(attribute, PROMPTS.get(attribute))
        if not asked or len(asked) < 2:
            raise ConfigError(
                f"classifier.prompts has no prompts for {attribute!r}: give two values or more; known "
                f"without: {', '.join(PROMPTS)}"
            )
        found[attribute] = asked
    return found


@final
class ZeroShot(ClassifierKind):
    """Zero-shot with the CLIP of `[encoder]`."""

    name = "zero_shot"

    def resolve(self, config: ClassifierConfig) -> ClassifierConfig:
        nobody = NOBODY if config.nobody is None else config.nobody
        return super().resolve(config).model_copy(update={"nobody": nobody})

    def labels(self, config: ClassifierConfig, weights: Path) -> Mapping[str, tuple[str, ...]]:
        asked = _prompts(config.attributes, config.prompts)
        return {attribute: tuple(texts) for attribute, texts in asked.items()}

    def open(
        self, config: ClassifierConfig, weights: Path, device: Device, frozen_clip: Callable[[], Clip]
    ) -> AttributeClassifier:
        return zero_shot(frozen_clip(), config.attributes, config.prompts, config.nobody or ())


ZERO_SHOT = ZeroShot()
