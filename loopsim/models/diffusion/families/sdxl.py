"""Stable Diffusion XL (Podell et al. 2023)."""

from collections.abc import Sequence
from typing import Any, final

import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from torch import Tensor

from loopsim.models.diffusion.family import Conditions, Family, Published


@final
class StableDiffusionXL(Family):
    """Stable Diffusion XL: two text encoders (CLIP-L and bigG), a pooled text, and the picture's size as
    conditions.
    """

    name = "sdxl"
    pipeline = StableDiffusionXLPipeline
    denoiser = "unet"
    text_encoders = ("text_encoder", "text_encoder_2")
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")
    published = Published(
        denoiser=UNet2DConditionModel,
        arguments={
            "sample_size": 128, "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048,
            "attention_head_dim": (5, 10, 20),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True,
            "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        latent_channels=4,
        text_weights=818_000_000,
        text_tokens=77,
        condition_bytes=(77 * 2048 + 1280) * 4,
    )  # fmt: skip

    def encode(self, pipeline: Any, prompts: Sequence[str]) -> Conditions:
        text, _, pooled, _ = pipeline.encode_prompt(
            list(prompts), device=pipeline.text_encoder_2.device, do_classifier_free_guidance=False
        )
        return {"text": text, "pooled": pooled}

    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        height, width = (side * pipeline.vae_scale_factor for side in noisy.shape[-2:])
        # Pictures are squares that were cut to this size: original size and target size are the same, and
        # nothing is cropped off.
        size = torch.tensor(
            [height, width, 0, 0, height, width], device=noisy.device, dtype=conditions["pooled"].dtype
        ).expand(len(noisy), -1)
        added = {"text_embeds": conditions["pooled"], "time_ids": size}
        predicted: Tensor = pipeline.unet(
            noisy, timesteps, encoder_hidden_states=conditions["text"], added_cond_kwargs=added
        ).sample
        return predicted

    def blank_conditions(self, denoiser: Any) -> Conditions:
        sizes = 6 * denoiser.config.addition_time_embed_dim
        return {
            "text": torch.zeros(1, 77, denoiser.config.cross_attention_dim),
            "pooled": torch.zeros(1, denoiser.config.projection_class_embeddings_input_dim - sizes),
        }


STABLE_DIFFUSION_XL = StableDiffusionXL()
