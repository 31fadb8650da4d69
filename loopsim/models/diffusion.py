"""Stable Diffusion: diffusers' own pipeline, the flow-matching loss of its denoiser, and sampling in which every image has its own seed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import compute_density_for_timestep_sampling
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loopsim.models.patch_autoencoder import PatchAutoencoder

# Attention, feed-forward and convolutions: in a denoiser as small as the pocket one, attention alone is too little to learn with.
LORA_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2"]


def build_pocket_pipeline(tokenizer: CLIPTokenizer, autoencoder: PatchAutoencoder) -> StableDiffusionPipeline:
    """Return the pocket Stable Diffusion with random weights (torch's global generator draws them)."""
    channels = autoencoder.config["latent_channels"]
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation="sdpa",
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        # Attention at 4 × 4 and in the middle only: on a CPU it is worth less at 8 × 8 than what it costs.
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=(2, 4, 6),  # numbers of heads, in spite of the name (a known slip of diffusers' config)
        norm_num_groups=16,
    )
    scheduler = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=2.0, steps_offset=1)
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )


def flow_loss(unet: UNet2DConditionModel, latents: Tensor, context: Tensor, generator: torch.Generator) -> Tensor:
    """Return the rectified-flow loss of a batch: mean ‖unet(x_t, t) - (ε - x_0)‖², x_t = (1 - t) x_0 + t ε, t = sigmoid(N(0.5, 1.4²)).

    `latents` [n, c, h, w] are scaled; `context` [n, tokens, d]. Source: Esser et al. 2024 (arXiv 2403.03206), logit-normal timesteps. Theirs (0, 1)
    hardly ever draws t > 0.8, where a picture's composition is decided, and with it whom a neutral prompt shows.
    """
    noise = torch.randn(latents.shape, generator=generator)
    t = compute_density_for_timestep_sampling("logit_normal", len(latents), logit_mean=0.5, logit_std=1.4, generator=generator)
    mixed = torch.lerp(latents, noise, t[:, None, None, None])
    predicted = unet(mixed, t * 1000, encoder_hidden_states=context).sample
    return (predicted - (noise - latents)).square().mean()


def encode_images(pipeline: StableDiffusionPipeline, images: Tensor) -> Tensor:
    """Return scaled latents [n, c, h/8, w/8] of uint8 images [n, h, w, 3]."""
    return pipeline.vae.encode(images.permute(0, 3, 1, 2).float() / 127.5 - 1) * pipeline.vae.config.scaling_factor


@torch.inference_mode()
def sample(pipeline: StableDiffusionPipeline, prompts: Sequence[str], seeds: Sequence[int], *, num_steps: int, guidance: float) -> Tensor:
    """Return images uint8 [n, h, w, 3]: image i is a function of the weights, `prompts[i]` and `seeds[i]`, not of its batch mates."""
    unet = pipeline.unet
    shape = (unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
    noise = torch.stack([torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds])
    latents = pipeline(
        prompt=list(prompts),
        latents=noise.to(unet.dtype),
        num_inference_steps=num_steps,
        guidance_scale=guidance,
        output_type="latent",
    ).images
    # Decoded in float32: eight bits of mantissa would show as bands.
    images = pipeline.vae.decode(latents.float() / pipeline.vae.config.scaling_factor)[0]
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    """Return a Stable Diffusion checkpoint in float32, without progress bars; nothing but safetensors is read."""
    vae = PatchAutoencoder.from_pretrained(folder / "vae") if _is_patch_autoencoder(folder) else None
    given = {"vae": vae} if vae is not None else {}
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True, safety_checker=None, **given)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _is_patch_autoencoder(folder: Path) -> bool:
    return json.loads((folder / "model_index.json").read_text())["vae"][1] == PatchAutoencoder.__name__


def make_trainable(pipeline: StableDiffusionPipeline, method: Literal["lora", "full"], rank: int, previous: Path | None) -> None:
    """Freeze all but what `method` trains: new LoRA adapters (torch's global generator draws them) or the whole denoiser.

    `previous` is a folder of `save_finetuned`: training goes on from there.
    """
    for part in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        part.requires_grad_(False)
    if method == "full":
        if previous is not None:
            load_finetuned(pipeline, previous)
        pipeline.unet.requires_grad_(True)
        return
    pipeline.unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LORA_TARGETS))
    if previous is not None:
        state = StableDiffusionPipeline.lora_state_dict(previous)[0]
        outcome = set_peft_model_state_dict(pipeline.unet, {name.removeprefix("unet."): tensor for name, tensor in state.items()})
        assert not outcome.unexpected_keys, outcome.unexpected_keys


def save_finetuned(pipeline: StableDiffusionPipeline, method: Literal["lora", "full"], folder: Path) -> None:
    """Write what training changed: LoRA weights as `load_lora_weights` reads them, or the denoiser as `from_pretrained` does."""
    if method == "lora":
        StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=get_peft_model_state_dict(pipeline.unet))
    else:
        pipeline.unet.save_pretrained(folder / "unet")
        forget_origin(folder / "unet" / "config.json")


def load_finetuned(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Give a base pipeline the weights of `save_finetuned`; LoRA adapters are merged into the denoiser."""
    if (folder / "unet").is_dir():
        pipeline.unet = UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True)
    else:
        pipeline.load_lora_weights(folder, use_safetensors=True)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()


def forget_origin(config_file: Path) -> None:
    """Drop the path that a model was loaded from out of its saved config: equal models are to be equal files."""
    config = json.loads(config_file.read_text())
    config.pop("_name_or_path", None)
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True))


def for_sampling(pipeline: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """Return the pipeline ready for `sample`: denoiser and text encoder in bfloat16, which doubles their speed on a CPU with AMX."""
    pipeline.unet.to(torch.bfloat16).eval()
    pipeline.text_encoder.to(torch.bfloat16).eval()
    return pipeline
