"""LoRA adapters: as they were trained, on disk, merged into the weights or beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from peft import get_peft_model_state_dict
from torch import Tensor

from loopsim.models.diffusion.family import Family
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.gate import check_model_folder


@final
@dataclass(frozen=True)
class Adapter:
    """LoRA weights by name, on the CPU, for a family's denoiser."""

    family: Family
    state: dict[str, Tensor]

    def save(self, folder: Path) -> None:
        """Write them as `load_lora_weights` reads them."""
        self.family.pipeline.save_lora_weights(folder, **self.family.lora(self.state))


def adapter_of(model: Diffusion) -> Adapter:
    """Return the adapters that were added to a model for training."""
    state = {name: tensor.cpu() for name, tensor in get_peft_model_state_dict(model.denoiser).items()}
    return Adapter(model.family, state)


def merge_adapter(model: Diffusion, folder: Path, weight: float = 1.0) -> None:
    """Add the adapters that lie in a folder to a model's weights, `weight` times.

    Raises DataError for a folder that holds more than weights and configs.
    """
    check_model_folder(folder)
    model.pipeline.load_lora_weights(folder, use_safetensors=True)
    model.pipeline.fuse_lora(lora_scale=weight)
    model.pipeline.unload_lora_weights()


def attach_adapter(model: Diffusion, name: str, folder: Path) -> None:
    """Load the adapters of a folder beside a model's weights, under a name.

    Raises DataError for a folder that holds more than weights and configs.
    """
    check_model_folder(folder)
    model.pipeline.load_lora_weights(folder, adapter_name=name, use_safetensors=True)


def use_adapters(model: Diffusion, weights: Mapping[str, float]) -> None:
    """Have a model with attached adapters draw with those of these names, to their weights, and no others."""
    if weights:
        model.denoiser.enable_lora()
        model.denoiser.set_adapters(list(weights), list(weights.values()))
    else:
        model.denoiser.disable_lora()
