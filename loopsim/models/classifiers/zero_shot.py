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


@final
@dataclass(frozen=True)
class ZeroShotClassifier(AttributeClassifier):
    """A frozen CLIP: of an attribute's values the one whose prompts' mean feature is nearest to the
    picture's. `texts[attribute]` is [values, d].
    """

    clip: Clip
    texts: Mapping[str, Tensor]

    def label(self, images: Tensor) -> list[dict[str, str]]:
        features = self.clip.encode_images(images)
        chosen = {
            attribute: (features @ texts.T).argmax(-1).tolist() for attribute, texts in self.texts.items()
        }
        return [
            {attribute: self.values[attribute][chosen[attribute][i]] for attribute in self.values}
            for i in range(len(images))
        ]


def zero_shot(
    clip: Clip, attributes: Sequence[str], prompts: Mapping[str, Mapping[str, Sequence[str]]]
) -> ZeroShotClassifier:
    """Return a zero-shot classifier of these attributes. Raises ConfigError for one that has no prompts."""
    values, texts = {}, {}
    for attribute, asked in _prompts(attributes, prompts).items():
        values[attribute] = tuple(asked)
        means = torch.stack([clip.encode_texts(list(texts_of)).mean(0) for texts_of in asked.values()])
        texts[attribute] = nn.functional.normalize(means, dim=-1)
    return ZeroShotClassifier(clip, texts, values=values)


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

    def labels(self, config: ClassifierConfig, weights: Path) -> Mapping[str, tuple[str, ...]]:
        asked = _prompts(config.attributes, config.prompts)
        return {attribute: tuple(texts) for attribute, texts in asked.items()}

    def open(
        self, config: ClassifierConfig, weights: Path, device: Device, frozen_clip: Callable[[], Clip]
    ) -> AttributeClassifier:
        return zero_shot(frozen_clip(), config.attributes, config.prompts)


ZERO_SHOT = ZeroShot()
