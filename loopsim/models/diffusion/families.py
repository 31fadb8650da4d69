"""What differs between Stable Diffusion's families: how text is encoded, and how the denoiser is called."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, final

import torch
from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from torch import Tensor

Conditions = dict[str, Tensor]  # what a batch of prompts becomes: every tensor has the batch first


class Family(ABC):
    """One family. Denoiser and text encoders are parts of the pipeline, by name."""

    name: str
    pipeline: Any
    denoiser: str
    text_encoders: tuple[str, ...]
    lora_targets: tuple[str, ...]

    @abstractmethod
    def encode(self, pipeline: Any, prompts: Sequence[str]) -> Conditions:
        """Return the text conditions of prompts."""

    @abstractmethod
    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """Return the denoiser's prediction [n, c, h, w] for noisy latents and timesteps [n]."""

    def lora(self, state: dict[str, Tensor]) -> dict[str, Any]:
        """Return the arguments of `save_lora_weights` for the denoiser's adapters."""
        return {f"{self.denoiser}_lora_layers": state}


@final
class StableDiffusion(Family):
    """Stable Diffusion 1.x and 2.x (Rombach et al. 2022)."""

    name = "sd"
    pipeline = StableDiffusionPipeline
    denoiser = "unet"
    text_encoders = ("text_encoder",)
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")

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
        mask = (
            tokens.attention_mask.to(encoder.device)
            if getattr(encoder.config, "use_attention_mask", False)
            else None
        )
        return {"text": encoder(tokens.input_ids.to(encoder.device), attention_mask=mask)[0]}

    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        return pipeline.unet(noisy, timesteps, encoder_hidden_states=conditions["text"]).sample


@final
class StableDiffusionXL(Family):
    """Stable Diffusion XL (Podell et al. 2023): two text encoders, a pooled text, and the picture's size as
    conditions.
    """

    name = "sdxl"
    pipeline = StableDiffusionXLPipeline
    denoiser = "unet"
    text_encoders = ("text_encoder", "text_encoder_2")
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")

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
        return pipeline.unet(
            noisy, timesteps, encoder_hidden_states=conditions["text"], added_cond_kwargs=added
        ).sample


@final
class StableDiffusion3(Family):
    """Stable Diffusion 3.x (Esser et al. 2024): a transformer, and up to three text encoders."""

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

    def encode(self, pipeline: Any, prompts: Sequence[str]) -> Conditions:
        device = pipeline.text_encoder.device
        text, _, pooled, _ = pipeline.encode_prompt(
            list(prompts), None, None, device=device, do_classifier_free_guidance=False
        )
        return {"text": text, "pooled": pooled}

    def predict(self, pipeline: Any, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        return pipeline.transformer(
            hidden_states=noisy,
            timestep=timesteps,
            encoder_hidden_states=conditions["text"],
            pooled_projections=conditions["pooled"],
            return_dict=False,
        )[0]


FAMILIES: dict[str, Family] = {
    family.name: family for family in (StableDiffusion(), StableDiffusionXL(), StableDiffusion3())
}
