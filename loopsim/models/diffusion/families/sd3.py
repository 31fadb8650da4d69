"""Stable Diffusion 3.x (Esser et al. 2024)."""

from collections.abc import Sequence
from typing import Any, final

import torch
from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
from torch import Tensor

from loopsim.config import GeneratorConfig
from loopsim.models.diffusion.family import Conditions, Family, Published


@final
class StableDiffusion3(Family):
    """Stable Diffusion 3.x: a transformer, and up to three text encoders (CLIP-L, bigG and T5-XXL)."""

    name = "sd3"
    pipeline = StableDiffusion3Pipeline
    denoiser = "transformer"
    text_encoders = ("text_encoder", "text_encoder_2", "text_encoder_3")
    lora_targets = (
        "attn.to_q",
        "attn.to_k",
        "attn.to_v",
        "attn.to_out.0",
        "attn.add_q_proj",
        "attn.add_k_proj",
        "attn.add_v_proj",
        "attn.to_add_out",
    )
    published = Published(
        denoiser=SD3Transformer2DModel,
        arguments={
            "sample_size": 128, "patch_size": 2, "in_channels": 16, "out_channels": 16,
            "num_layers": 24, "attention_head_dim": 64, "num_attention_heads": 24,
            "joint_attention_dim": 4096, "caption_projection_dim": 1536, "pooled_projection_dim": 2048,
            "pos_embed_max_size": 192,
        },
        latent_channels=16,
        text_weights=5_580_000_000,
        text_tokens=154,
        condition_bytes=(333 * 4096 + 2048) * 4,
    )  # fmt: skip

    def encode(self, pipeline: Any, prompts: Sequence[str]) -> Conditions:
        device = pipeline.text_encoder.device
        text, _, pooled, _ = pipeline.encode_prompt(
            list(prompts), None, None, device=device, do_classifier_free_guidance=False
        )
        return {"text": text, "pooled": pooled}

    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        predicted: Tensor = pipeline.transformer(
            hidden_states=noisy,
            timestep=timesteps,
            encoder_hidden_states=conditions["text"],
            pooled_projections=conditions["pooled"],
            return_dict=False,
        )[0]
        return predicted

    def blank_conditions(self, denoiser: Any) -> Conditions:
        return {
            "text": torch.zeros(1, 154, denoiser.config.joint_attention_dim),
            "pooled": torch.zeros(1, denoiser.config.pooled_projection_dim),
        }

    def loading_options(self, config: GeneratorConfig) -> dict[str, Any]:
        return {"text_encoder_3": None, "tokenizer_3": None} if config.without_t5 else {}


STABLE_DIFFUSION_3 = StableDiffusion3()
