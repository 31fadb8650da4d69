"""The pocket Stable Diffusion: small enough to train and to draw with on two CPU cores."""

import json
from pathlib import Path

from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder


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
        attention_head_dim=(
            2,
            4,
            6,
        ),  # numbers of heads, in spite of the name (a known slip of diffusers' config)
        norm_num_groups=16,
    )
    scheduler = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=2.0, steps_offset=1
    )
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


def save_pocket_pipeline(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write the pipeline as `from_pretrained` loads it, its networks' weights in float16, half as large."""
    for part in (pipeline.unet, pipeline.text_encoder):
        part.half()
    pipeline.save_pretrained(folder)
    # diffusers opens its networks in float32 whatever is saved, transformers in what the config names: both
    # have to be told the same, or the pipeline breaks at its first picture.
    path = folder / "text_encoder" / "config.json"
    config = json.loads(path.read_text()) | {"dtype": "float32"}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
