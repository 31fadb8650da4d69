"""What differs between Stable Diffusion's families: their parts, how text is encoded, how the denoiser is
called, and what they cost. Each is one value in a file of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from torch import Tensor

from loopsim.config import GeneratorConfig
from loopsim.core.choices import Choices
from loopsim.core.errors import DataError
from loopsim.models.gate import read_json

Conditions = dict[str, Tensor]  # what a batch of prompts becomes: every tensor has the batch first
INDEX_FILE = "model_index.json"


@final
@dataclass(frozen=True)
class Published:
    """Public facts of a family's checkpoints, known before one is downloaded.

    `arguments` are those of the denoiser's class that differ from its defaults; `condition_bytes` is the size
    of one prompt's conditions in float32.
    """

    denoiser: Any  # a class of diffusers
    arguments: Mapping[str, Any]
    latent_channels: int
    text_weights: int
    text_tokens: int
    condition_bytes: int


class Family(ABC):
    """One family. Denoiser and text encoders are parts of its pipeline, by name.

    `lora_targets` are the denoiser's layers that get adapters, if a config names no others.
    """

    name: ClassVar[str]
    pipeline: ClassVar[Any]  # a class of diffusers
    denoiser: ClassVar[str]
    text_encoders: ClassVar[tuple[str, ...]]
    lora_targets: ClassVar[tuple[str, ...]]
    published: ClassVar[Published]

    @abstractmethod
    def encode(self, pipeline: Any, prompts: Sequence[str]) -> Conditions:
        """Return the text conditions of prompts."""

    @abstractmethod
    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """Return the denoiser's prediction [n, c, h, w] for noisy latents and timesteps [n].

        Of the pipeline it uses the denoiser and `vae_scale_factor` alone.
        """

    @abstractmethod
    def blank_conditions(self, denoiser: Any) -> Conditions:
        """Return one prompt's conditions, all zero, as wide as that denoiser reads them."""

    def loading_options(self, config: GeneratorConfig) -> dict[str, Any]:
        """Return what a checkpoint is loaded with: the parts that are left out, each as None."""
        return {}

    def lora(self, state: dict[str, Tensor]) -> dict[str, Any]:
        """Return the arguments of `save_lora_weights` for the denoiser's adapters."""
        return {f"{self.denoiser}_lora_layers": state}


FAMILIES: Choices[Family] = Choices("generator.family", Family, "loopsim.models.diffusion.families")


def read_index(folder: Path) -> dict[str, Any]:
    """Return what a pipeline's folder says of its parts. Raises DataError if it is no diffusers pipeline."""
    path = folder / INDEX_FILE
    if not path.is_file():
        raise DataError(
            f"{folder}: no {INDEX_FILE} in it: not a diffusers pipeline; a single file is named with its "
            ".safetensors"
        )
    index = read_json(path)
    if not isinstance(index, dict):
        raise DataError(f"{path} is no JSON object: not a diffusers pipeline")
    return index


def family_of(folder: Path) -> Family:
    """Return the family of a pipeline's folder. Raises DataError for a pipeline of another kind."""
    name = read_index(folder).get("_class_name")
    families = FAMILIES.own.values()
    found = next((family for family in families if family.pipeline.__name__ == name), None)
    if found is None:
        known = ", ".join(family.pipeline.__name__ for family in families)
        raise DataError(f"{folder} is a {name}; loopsim fine-tunes {known}")
    return found
