"""Editing what a denoiser reads in texts, in closed form (UCE: Gandikota et al. 2024, arXiv 2308.14761).

A layer W of cross-attention (its keys, its values) reads a text's hidden states c. Where it shall see v* in
the place of W c, and stay as it is elsewhere,

    W' = (λ W + Σ v* cᵀ) (λ I + Σ c cᵀ)⁻¹.

With v* = W (c + m), the value that c + m had, this is W' = W (I + D), D = (Σ m cᵀ)(λ I + Σ c cᵀ)⁻¹: one
matrix for all layers. What is preserved are further c with m = 0.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from loopsim.models.diffusion.stable_diffusion import Diffusion

EDITED_FILE, MAP_FILE = "edited.safetensors", "text_map.safetensors"
_LAYERS = ("attn2.to_k", "attn2.to_v")


def text_layers(denoiser: Any) -> dict[str, Any]:
    """Return the layers that read the text itself, by name: keys and values of a UNet's cross-attention. A
    joint attention (SD 3) has none: it reads what earlier layers made of the text.
    """
    return {name: layer for name, layer in denoiser.named_modules() if name.endswith(_LAYERS)}


def text_map(states: Tensor, moves: Tensor, preserved: Tensor, weight: float) -> Tensor:
    """Return D, float64 [d, d], for hidden states c [n, d] with their moves m [n, d], and further ones [k, d]
    that stay; `weight` is λ.
    """
    c, m, p = states.double(), moves.double(), preserved.double()
    gram = weight * torch.eye(c.shape[1], dtype=torch.float64) + c.T @ c + p.T @ p
    solved: Tensor = torch.linalg.solve(gram, c.T @ m).T  # gram is symmetric
    return solved


def apply_map(model: Diffusion, change: Tensor) -> None:
    """Replace every text layer's weights W by W (I + D)."""
    for layer in text_layers(model.denoiser).values():
        weights = layer.weight.data
        edited = weights.cpu().double() @ (torch.eye(len(change), dtype=torch.float64) + change.double())
        weights.copy_(edited)


def save_edit(model: Diffusion, change: Tensor, folder: Path) -> None:
    """Write D, and the weights of an edited model's text layers under the names that its denoiser's
    `load_state_dict(…, strict=False)` takes.
    """
    layers = text_layers(model.denoiser)
    weights = {f"{name}.weight": layer.weight.data.cpu().contiguous() for name, layer in layers.items()}
    save_file(weights, folder / EDITED_FILE)
    save_file({"text_map": change.float().contiguous()}, folder / MAP_FILE)


def load_map(folder: Path) -> Tensor:
    """Return the D of `save_edit`."""
    found: Tensor = load_file(folder / MAP_FILE)["text_map"]
    return found


def hidden_states(model: Diffusion, prompts: Sequence[str]) -> Tensor:
    """Return what the text layers read of prompts, float32 [n, tokens, d] on the CPU."""
    return model.encode_prompts(prompts)["text"].float().cpu()


def shared_start(model: Diffusion, prompts: Sequence[str]) -> int:
    """Return the position of the first token in which prompts differ. The text encoders of `text_layers`'
    models read from left to right: what stands before it has the same hidden states in all.
    """
    tokenizer = model.pipeline.tokenizer
    most = tokenizer.model_max_length
    ids = [tokenizer(prompt, truncation=True, max_length=most).input_ids for prompt in prompts]
    different = (n for n, tokens in enumerate(zip(*ids, strict=False)) if len(set(tokens)) > 1)
    return next(different, min(map(len, ids)))
