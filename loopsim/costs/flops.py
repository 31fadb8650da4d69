"""The published architectures, without weights: what a model costs is known from its configuration, before
anything is downloaded.

Models are built on PyTorch's meta device and run there once, with every operation's FLOPs counted (a multiply
and an add are two).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import open_clip
import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel, UNet2DConditionModel
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config

from loopsim.config import SHIPPED, CaptionerConfig, ClipConfig, EncoderConfig, GeneratorConfig
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder

# Public facts of the published checkpoints: the arguments that differ from their classes' defaults.
DENOISERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sd": (UNet2DConditionModel, {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}),
    "sdxl": (
        UNet2DConditionModel,
        {
            "sample_size": 128, "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048,
            "attention_head_dim": (5, 10, 20),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
    ),
    "sd3": (
        SD3Transformer2DModel,
        {
            "sample_size": 128, "patch_size": 2, "in_channels": 16, "out_channels": 16,
            "num_layers": 24, "attention_head_dim": 64,
            "num_attention_heads": 24, "joint_attention_dim": 4096,
            "caption_projection_dim": 1536, "pooled_projection_dim": 2048,
            "pos_embed_max_size": 192,
        },
    ),
}  # fmt: skip
# Weights of the text encoders, and how many tokens they read: CLIP-L; CLIP-L and bigG; both of them, and
# T5-XXL.
TEXT_ENCODERS = {"sd": (123_000_000, 77), "sdxl": (818_000_000, 77), "sd3": (5_580_000_000, 154)}
CONDITION_BYTES = {"sd": 77 * 768 * 4, "sdxl": (77 * 2048 + 1280) * 4, "sd3": (333 * 4096 + 2048) * 4}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip


@final
@dataclass(frozen=True)
class DiffusionCost:
    """FLOPs of a Stable Diffusion for one image: a denoiser's forward pass, the autoencoder both ways, a
    caption's encoding; and its sizes.
    """

    family: str
    denoise: float
    encode: float
    decode: float
    text: float
    num_weights: int
    latent_bytes: int
    condition_bytes: int


@final
@dataclass(frozen=True)
class TowerCost:
    """FLOPs of one forward pass for one image (and caption, where it reads one), and the number of
    weights.
    """

    forward: float
    num_weights: int


def count_flops(run: Callable[[], object]) -> float:
    """Return the FLOPs of what `run` does on the meta device."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def num_weights(module: nn.Module) -> int:
    """Return the number of a module's parameters."""
    return sum(p.numel() for p in module.parameters())


def diffusion_cost(config: GeneratorConfig, shipped: Path, size: int) -> DiffusionCost:
    """Return the cost of the generator that a config names at `size` pixels: from its own config where the
    folder is at hand, else as published.
    """
    folder = shipped if config.checkpoint == SHIPPED else Path(config.checkpoint)
    local = (folder / "model_index.json").is_file()
    family = _local_family(folder) if local else ("sd" if config.family == "auto" else config.family)
    part = "transformer" if family == "sd3" else "unet"
    kind, published = DENOISERS[family]
    with torch.device("meta"):
        denoiser = kind.from_config(_config(folder / part)) if local else kind(**published)
        vae = _vae(folder / "vae", local, 16 if family == "sd3" else 4)
        scale = 2 ** (len(vae.config.block_out_channels) - 1)
        side, channels = size // scale, denoiser.config.in_channels
        noisy, t = torch.zeros(1, channels, side, side), torch.zeros(1)
        picture, latents = (
            torch.zeros(1, 3, size, size),
            torch.zeros(1, vae.config.latent_channels, side, side),
        )
        denoise = count_flops(lambda: _denoise(family, denoiser, noisy, t))
        encode, decode = count_flops(lambda: vae.encode(picture)), count_flops(lambda: vae.decode(latents))
    weights, tokens = TEXT_ENCODERS[family]
    if local:
        weights, tokens = _local_text(folder)
    text = 2.0 * weights * tokens
    conditions = (
        CONDITION_BYTES[family]
        if not local
        else tokens * int(denoiser.config.get("cross_attention_dim", 4096)) * 4
    )
    return DiffusionCost(
        family, denoise, encode, decode, text, num_weights(denoiser), 4 * channels * side * side, conditions
    )


def _denoise(family: str, denoiser: Any, noisy: torch.Tensor, t: torch.Tensor) -> None:
    if family == "sd3":
        pooled = torch.zeros(1, denoiser.config.pooled_projection_dim)
        denoiser(
            noisy,
            encoder_hidden_states=torch.zeros(1, 154, denoiser.config.joint_attention_dim),
            pooled_projections=pooled,
            timestep=t,
        )
        return
    given = {}
    if family == "sdxl":
        width = (
            denoiser.config.projection_class_embeddings_input_dim
            - 6 * denoiser.config.addition_time_embed_dim
        )
        given["added_cond_kwargs"] = {"text_embeds": torch.zeros(1, width), "time_ids": torch.zeros(1, 6)}
    denoiser(noisy, t, encoder_hidden_states=torch.zeros(1, 77, denoiser.config.cross_attention_dim), **given)


def _config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


def _local_family(folder: Path) -> str:
    name = json.loads((folder / "model_index.json").read_text())["_class_name"]
    return {"StableDiffusionXLPipeline": "sdxl", "StableDiffusion3Pipeline": "sd3"}.get(name, "sd")


def _local_text(folder: Path) -> tuple[int, int]:
    found = [(path.stat().st_size, path.parent) for path in folder.glob("text_encoder*/*.safetensors")]
    tokens = max((_config(parent).get("max_position_embeddings", 77) for _, parent in found), default=77)
    return sum(size for size, _ in found) // 4, tokens


def _vae(folder: Path, local: bool, channels: int) -> Any:
    if not local:
        return AutoencoderKL(**VAE, latent_channels=channels)
    config = _config(folder)
    return (PatchAutoencoder if config["_class_name"] == "PatchAutoencoder" else AutoencoderKL).from_config(
        config
    )


def clip_cost(config: ClipConfig | EncoderConfig, shipped: Path) -> TowerCost:
    """Return the cost of a CLIP for one image and one caption."""
    folder = shipped if config.model == SHIPPED else Path(config.model)
    if (folder / "open_clip_config.json").is_file():
        cfg = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    else:
        cfg = open_clip.get_model_config(config.model) or open_clip.get_model_config("ViT-B-32")
    cfg = {name: value for name, value in cfg.items() if name != "custom_text"}
    with torch.device("meta"):
        model = open_clip.CLIP(**cfg)
        image, text = (
            torch.zeros(1, 3, *(2 * [cfg["vision_cfg"]["image_size"]])),
            torch.zeros(1, model.context_length, dtype=torch.long),
        )
        return TowerCost(
            count_flops(lambda: (model.encode_image(image), model.encode_text(text))), num_weights(model)
        )


def captioner_cost(config: CaptionerConfig, shipped: Path) -> TowerCost:
    """Return the cost of a captioner for one caption; a hub captioner that is not at hand counts as a ViT-B
    with a BERT-base decoder.
    """
    folder = shipped if config.model == SHIPPED else Path(config.model)
    tokens = config.max_tokens + config.prefix_length
    if config.kind == "clipcap":
        language = AutoConfig.from_pretrained(folder) if (folder / "config.json").is_file() else GPT2Config()
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(language)
            words = torch.zeros(1, min(tokens, language.n_positions), dtype=torch.long)
            return TowerCost(count_flops(lambda: model(words)), num_weights(model))
    if config.kind == "transformer":
        weights = config.num_layers * 28 * config.width**2
        return TowerCost(2.0 * weights * (config.max_tokens + 196) / 2, weights)
    return TowerCost(2.0 * 86e6 * 577 + 2.0 * 137e6 * config.max_tokens, 223_000_000)
