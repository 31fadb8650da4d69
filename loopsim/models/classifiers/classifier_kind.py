"""The kinds of attribute classifier: each is one value, with all that belongs to it, in a file of this
folder.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from loopsim.config import ClassifierConfig
from loopsim.core.choices import Choices
from loopsim.core.device import Device
from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.clip import Clip


class ClassifierKind(ABC):
    """One kind of classifier: what its section must say, which models it names, and how it is opened."""

    name: ClassVar[str]

    def check(self, config: ClassifierConfig) -> None:  # noqa: B027 - a kind may have nothing to refuse
        """Raise ConfigError if the section lacks what the kind needs."""

    def resolve(self, config: ClassifierConfig) -> ClassifierConfig:
        """Return the section with what it leaves open decided."""
        if config.detector is None or config.undetected is not None:
            return config
        return config.model_copy(update={"undetected": "nobody"})

    def named_models(self, config: ClassifierConfig) -> Mapping[str, str]:
        """Return the models that the section names, by what for: a folder, a hub id, or "shipped"."""
        return {}

    @abstractmethod
    def labels(self, config: ClassifierConfig, weights: Path) -> Mapping[str, tuple[str, ...]]:
        """Return the values that the classifier can give, by attribute, as its files say: no weights are
        read. Raises DataError and ConfigError as `open` does.
        """

    @abstractmethod
    def open(
        self, config: ClassifierConfig, weights: Path, device: Device, frozen_clip: Callable[[], Clip]
    ) -> AttributeClassifier:
        """Return the classifier; `weights` is the folder of the shipped models, `frozen_clip` gives the CLIP
        of `[encoder]`.

        It has confusion matrices if the kind brings them; those of the others are measured on a labelled set.
        Raises DataError and ConfigError as the loaders do.
        """


CLASSIFIERS: Choices[ClassifierKind] = Choices(
    "classifier.kind", ClassifierKind, "loopsim.models.classifiers"
)


def labels_of(config: ClassifierConfig, weights: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the values that the pinned classifier of a section can give, by attribute, without opening it;
    `weights` is the folder of the shipped models. Raises DataError and ConfigError as the loaders do.
    """
    return CLASSIFIERS.get(config.kind).labels(config, weights)


def open_classifier(
    config: ClassifierConfig, weights: Path, device: Device, frozen_clip: Callable[[], Clip]
) -> AttributeClassifier:
    """Return the pinned classifier that a section names, not calibrated yet unless its kind brings confusion
    matrices.

    `weights` is the folder of the shipped models; `frozen_clip` gives the CLIP of `[encoder]`, and is asked
    only by kinds that need it. Raises DataError and ConfigError as the loaders do.
    """
    return CLASSIFIERS.get(config.kind).open(config, weights, device, frozen_clip)
