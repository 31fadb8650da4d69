"""What a loop's models cost, without their weights: known from a configuration, before anything is
downloaded.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, final

import open_clip
import torch
from diffusers import AutoencoderKL

from loopsim.config import SHIPPED, CaptionerConfig, ClipConfig, EncoderConfig, GeneratorConfig
from loopsim.models.captioners import CAPTIONERS
from loopsim.models.diffusion.family import FAMILIES, INDEX_FILE, family_of
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder
from loopsim.models.forward_cost import TowerCost, count_flops, num_weights
from loopsim.models.gate import check_model_folder

# The published autoencoder of every family, but for its number of channels.
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


def diffusion_cost(config: GeneratorConfig, shipped: Path, size: int) -> DiffusionCost:
    """Return the cost of the generator that a config names at `size` pixels: from its own config where the
    folder is at hand, else as published (Stable Diffusion 1.5 if the config leaves the family open).

    Raises DataError for a folder of another kind of pipeline.
    """
    folder = shipped if config.checkpoint == SHIPPED else Path(config.checkpoint)
    local = (folder / INDEX_FILE).is_file()
    if local:
        check_model_folder(folder)
    family = family_of(folder) if local else FAMILIES.get("sd" if config.family == "auto" else config.family)
    published = family.published
    with torch.device("meta"):
        if local:
            denoiser = published.denoiser.from_config(_config(folder / family.denoiser))
            vae = _autoencoder(_config(folder / "vae"))
        else:
            denoiser = published.denoiser(**published.arguments)
            vae = AutoencoderKL(**VAE, latent_channels=published.latent_channels)
        scale = 2 ** (len(vae.config.block_out_channels) - 1)
        side, channels = size // scale, denoiser.config.in_channels
        noisy, t = torch.zeros(1, channels, side, side), torch.zeros(1)
        picture = torch.zeros(1, 3, size, size)
        latents = torch.zeros(1, vae.config.latent_channels, side, side)
        conditions = family.blank_conditions(denoiser)
        pipeline = SimpleNamespace(**{family.denoiser: denoiser}, vae_scale_factor=scale)
        denoise = count_flops(lambda: family.predict(pipeline, noisy, t, conditions))
        encode, decode = count_flops(lambda: vae.encode(picture)), count_flops(lambda: vae.decode(latents))
    if local:
        weights, tokens = _text_encoders(folder)
        condition_bytes = tokens * conditions["text"].shape[-1] * 4
    else:
        weights, tokens = published.text_weights, published.text_tokens
        condition_bytes = published.condition_bytes
    return DiffusionCost(
        family.name,
        denoise,
        encode,
        decode,
        2.0 * weights * tokens,
        num_weights(denoiser),
        4 * channels * side * side,
        condition_bytes,
    )


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def _text_encoders(folder: Path) -> tuple[int, int]:
    """Return the number of the text encoders' weights, and of the tokens that they read."""
    found = [(path.stat().st_size, path.parent) for path in folder.glob("text_encoder*/*.safetensors")]
    tokens = max((_config(parent).get("max_position_embeddings", 77) for _, parent in found), default=77)
    return sum(size for size, _ in found) // 4, tokens


def _autoencoder(config: dict[str, Any]) -> Any:
    kind = PatchAutoencoder if config["_class_name"] == "PatchAutoencoder" else AutoencoderKL
    return kind.from_config(config)


def clip_cost(config: ClipConfig | EncoderConfig, shipped: Path) -> TowerCost:
    """Return the cost of a CLIP for one image and one caption; one that open_clip does not know counts as
    ViT-B/32.
    """
    folder = shipped if config.model == SHIPPED else Path(config.model)
    if (folder / "open_clip_config.json").is_file():
        check_model_folder(folder)
        cfg = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    else:
        cfg = open_clip.get_model_config(config.model) or open_clip.get_model_config("ViT-B-32")
    cfg = {name: value for name, value in cfg.items() if name != "custom_text"}
    side = cfg["vision_cfg"]["image_size"]
    with torch.device("meta"):
        model = open_clip.CLIP(**cfg).eval()  # a batch of one has no statistics to normalise by
        image = torch.zeros(1, 3, side, side)
        text = torch.zeros(1, model.context_length, dtype=torch.long)
        forward = count_flops(lambda: (model.encode_image(image), model.encode_text(text)))
    return TowerCost(forward, num_weights(model))


def captioner_cost(config: CaptionerConfig, shipped: Path) -> TowerCost:
    """Return the cost of a captioner for one caption."""
    return CAPTIONERS.get(config.kind).cost(config, shipped)
