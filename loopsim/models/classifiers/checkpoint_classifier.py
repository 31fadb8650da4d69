"""Image-classification checkpoints of transformers as attribute classifiers, one for each attribute."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification

from loopsim.config import ClassifierConfig
from loopsim.core.device import CPU, Device
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.group_labels import VALUES, canonical, is_known
from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.classifier_kind import ClassifierKind
from loopsim.models.clip import Clip
from loopsim.models.hub import model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.whole import load_whole

_BATCH = 250


@final
@dataclass(frozen=True)
class CheckpointClassifier(AttributeClassifier):
    """One image-classification model of transformers for each attribute, with its image processor;
    `classes[attribute]` is loopsim's word for each of its labels, "" where it abstains.
    """

    models: Mapping[str, tuple[Any, Any]]
    classes: Mapping[str, tuple[str, ...]]
    device: Device = CPU

    @torch.inference_mode()
    def label(self, images: Tensor) -> list[dict[str, str]]:
        labels: list[dict[str, str]] = [{} for _ in images]
        for attribute, (model, processor) in self.models.items():
            for start in range(0, len(images), _BATCH):
                part = list(images[start : start + _BATCH].numpy())
                inputs = processor(images=part, return_tensors="pt").pixel_values.to(self.device.name)
                for offset, choice in enumerate(model(inputs).logits.argmax(-1).tolist()):
                    labels[start + offset][attribute] = self.classes[attribute][choice]
        return labels


def load_checkpoints(
    checkpoints: Mapping[str, str], renames: Mapping[str, str], device: Device = CPU
) -> CheckpointClassifier:
    """Return a classifier of image-classification checkpoints (folders or hub ids), by attribute. Raises
    DataError, and ConfigError for labels that mean no group.
    """
    models, classes = {}, {}
    for attribute, name in checkpoints.items():
        folder = model_folder(name)
        try:
            model = load_whole(
                AutoModelForImageClassification, folder, dtype=torch.float32, trust_remote_code=False
            ).eval()
            processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
            models[attribute] = (device.place(model), processor)
        except LOAD_ERRORS as error:
            raise _unloadable(attribute, name, error) from error
        classes[attribute] = _classes(attribute, model.config.id2label, renames)
    return CheckpointClassifier(
        models,
        classes,
        device,
        values={attribute: _values(found) for attribute, found in classes.items()},
        abstains=frozenset(attribute for attribute, found in classes.items() if "" in found),
    )


def _unloadable(attribute: str, name: str, error: Exception) -> DataError:
    return DataError(f"classifier {name!r} of {attribute} cannot be loaded: {first_line(error)}")


def _values(classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(value for value in classes if value)


def _classes(attribute: str, known: Mapping[int, str], renames: Mapping[str, str]) -> tuple[str, ...]:
    """Return loopsim's word for each of a checkpoint's labels: as `renames` says, or a known synonym's; of
    what means that nobody decided ("unknown", "other", …) "".

    Raises ConfigError for a label of a known attribute that is no group of it: nobody would ever be counted.
    """
    names = [known[i] for i in range(len(known))]
    words = [renames.get(name, canonical(attribute, name)) for name in names]
    found = tuple(word if is_known(word) else "" for word in words)
    groups = VALUES.get(attribute)
    lost = [
        name for name, value in zip(names, found, strict=True)
        if groups is not None and value not in ("", *groups) and name not in renames
    ]  # fmt: skip
    if groups is not None and lost:
        raise ConfigError(
            f"classifier.checkpoints.{attribute}: its label {lost[0]!r} is no {attribute} that loopsim knows "
            f"({', '.join(groups)}); say what each of its labels means: "
            f'classifier.renames = {{ "{lost[0]}" = "{groups[0]}" }}, or "" for nobody'
        )
    values = _values(found)
    if not values:
        raise ConfigError(
            f"classifier.checkpoints.{attribute}: none of its labels ({', '.join(names)}) means a group; say "
            "which do in classifier.renames"
        )
    if len(set(values)) < len(values):
        raise ConfigError(
            f"classifier.checkpoints.{attribute}: two of its labels ({', '.join(names)}) mean the same; give "
            "each a value of its own in classifier.renames"
        )
    return found


@final
class Checkpoints(ClassifierKind):
    """Checkpoints that the section names by attribute: folders or hub ids."""

    name = "checkpoint"

    def check(self, config: ClassifierConfig) -> None:
        if not config.checkpoints:
            raise ConfigError(
                'classifier.kind = "checkpoint" needs classifier.checkpoints, for example checkpoints = '
                '{gender = "folder"}'
            )

    def named_models(self, config: ClassifierConfig) -> Mapping[str, str]:
        return {f"classifier.{attribute}": name for attribute, name in config.checkpoints.items()}

    def labels(self, config: ClassifierConfig, weights: Path) -> Mapping[str, tuple[str, ...]]:
        values = {}
        for attribute, name in config.checkpoints.items():
            try:
                found = AutoConfig.from_pretrained(model_folder(name), trust_remote_code=False)
            except LOAD_ERRORS as error:
                raise _unloadable(attribute, name, error) from error
            values[attribute] = _values(_classes(attribute, found.id2label, config.renames))
        return values

    def open(
        self, config: ClassifierConfig, weights: Path, device: Device, frozen_clip: Callable[[], Clip]
    ) -> AttributeClassifier:
        return load_checkpoints(config.checkpoints, config.renames, device)


CHECKPOINTS = Checkpoints()
