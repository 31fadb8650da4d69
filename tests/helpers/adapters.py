"""Adapters with weights that matter, of tiny models, in folders."""

from pathlib import Path

import torch

from loopsim.models.diffusion.adapters import adapter_of
from loopsim.models.diffusion.finetuning import make_trainable
from loopsim.models.diffusion.stable_diffusion import Diffusion


def random_adapter(model: Diffusion, folder: Path, seed: int = 0) -> Path:
    """LoRA adapters whose both halves are random, for a model that is used up by it."""
    torch.manual_seed(seed)
    make_trainable(model, "lora", 2, None)
    for name, parameter in model.denoiser.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    adapter_of(model).save(folder)
    return folder
