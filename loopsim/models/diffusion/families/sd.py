"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022)."""

from collections.abc import Sequence
from typing import Any, final

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor

from loopsim.config import GeneratorConfig
from loopsim.models.diffusion.family import Conditions, Family, Published


@final
class StableDiffusion(Family):
    """Stable Diffusion 1.x and 2.x; the published facts are 1.5's, whose text encoder is CLIP-L."""

    name = "sd"
    pipeline = StableDiffusionPipeline
    denoiser = "unet"
    text_encoders = ("text_encoder",)
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")
    published = Published(
        denoiser=UNet2DConditionModel,
        arguments={"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
        latent_channels=4,
        text_weights=123_000_000,
        text_tokens=77,
        condition_bytes=77 * 768 * 4,
    )

    def encode(self, pipeline: Any, prompts: Sequence[str]) -> Conditions:
        tokens = pipeline.tokenizer(
            list(prompts),
            padding="max_length",
            max_length=pipeline.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        encoder = pipeline.text_encoder
        # 2.x was trained with the mask of its tokens, 1.x without: the encoder's config says which.
        masked = getattr(encoder.config, "use_attention_mask", False)
        mask = tokens.attention_mask.to(encoder.device) if masked else None
        return {"text": encoder(tokens.input_ids.to(encoder.device), attention_mask=mask)[0]}

    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        predicted: Tensor = pipeline.unet(noisy, timesteps, encoder_hidden_states=conditions["text"]).sample
        return predicted

    def blank_conditions(self, denoiser: Any) -> Conditions:
        return {"text": torch.zeros(1, 77, denoiser.config.cross_attention_dim)}

    def loading_options(self, config: GeneratorConfig) -> dict[str, Any]:
        return {"safety_checker": None}  # a filter of its own would change who is drawn, unseen


STABLE_DIFFUSION = StableDiffusion()
