"""Stable Diffusion of any family: diffusers' own pipelines, loaded, fine-tuned, saved, and sampled with a
seed of its own for every image.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loopsim.config import GeneratorConfig
from loopsim.core.device import CPU, Device
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.diffusion.families import FAMILIES, Conditions, Family
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder
from loopsim.models.safe_weights import LOAD_ERRORS, first_line, refuse_pickles

# Attention, feed-forward and convolutions: in a denoiser as small as the pocket one, attention alone is too
# little to learn with.
POCKET_LORA_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2")


@final
@dataclass(frozen=True)
class Diffusion:
    """A pipeline of diffusers, the family it belongs to, the folder it came from (None: a single file or a
    hub), and where it computes.
    """

    pipeline: Any
    family: Family
    folder: Path | None = None
    device: Device = CPU

    @property
    def denoiser(self) -> Any:
        """The network that is fine-tuned."""
        return getattr(self.pipeline, self.family.denoiser)

    @property
    def is_pocket(self) -> bool:
        """True for the pocket model, whose autoencoder is loopsim's."""
        return isinstance(self.pipeline.vae, PatchAutoencoder)

    @property
    def image_size(self) -> int:
        """The side of the pictures that it was trained on."""
        return self.denoiser.config.sample_size * self.pipeline.vae_scale_factor

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Return scaled float32 latents [n, c, h/8, w/8] of uint8 images [n, h, w, 3]: the mean of the
        autoencoder's distribution.
        """
        vae = self.pipeline.vae
        pixels = (images.permute(0, 3, 1, 2).float() / 127.5 - 1).to(device=self.device.name, dtype=vae.dtype)
        encoded = vae.encode(pixels)
        latents = encoded if isinstance(encoded, Tensor) else encoded.latent_dist.mode()
        return (
            latents.float() - (getattr(vae.config, "shift_factor", None) or 0.0)
        ) * vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: Tensor) -> Tensor:
        """Return uint8 images [n, h, w, 3], on the CPU, of scaled latents; in float32, for eight bits of
        mantissa would show as bands.
        """
        vae = self.pipeline.vae
        unscaled = latents.to(vae.dtype) / vae.config.scaling_factor + (
            getattr(vae.config, "shift_factor", None) or 0.0
        )
        images = torch.cat(
            [vae.decode(part, return_dict=False)[0] for part in unscaled.split(64 if self.is_pocket else 4)]
        )
        return (
            ((images.float() + 1) * 127.5)
            .round()
            .clamp(0, 255)
            .to(torch.uint8)
            .permute(0, 2, 3, 1)
            .contiguous()
            .cpu()
        )

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Conditions:
        """Return the text conditions of prompts, on the device."""
        return self.family.encode(self.pipeline, prompts)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """Return the denoiser's prediction [n, c, h, w]."""
        return self.family.predict(self.pipeline, noisy, timesteps, conditions)


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


@torch.inference_mode()
def sample(
    model: Diffusion,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    num_steps: int,
    guidance: float,
    size: int | None = None,
) -> Tensor:
    """Return images uint8 [n, h, w, 3]: image i is a function of the weights, `prompts[i]` and `seeds[i]`,
    not of its batch mates.

    `size` is the side in pixels, by default what the model was trained on. Noise is drawn on the CPU, so it
    is the same on every device.
    """
    size, denoiser = size or model.image_size, model.denoiser
    side = size // model.pipeline.vae_scale_factor
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    shape = (denoiser.config.in_channels, side, side)
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    latents = model.pipeline(
        prompt=list(prompts),
        latents=noise.to(device=model.device.name, dtype=denoiser.dtype),
        height=size,
        width=size,
        num_inference_steps=num_steps,
        guidance_scale=guidance,
        generator=generators,  # for samplers that add noise on the way
        output_type="latent",
    ).images
    return model.decode_latents(latents.float())


def load_diffusion(config: GeneratorConfig, shipped: Path, device: Device = CPU) -> Diffusion:
    """Return the checkpoint that a config names, in float32, without progress bars; nothing but safetensors
    is read.

    `shipped` is the folder of the pocket model. Raises DataError for a missing or foreign checkpoint or a
    pickle, ConfigError if the config leaves open what a single file is.
    """
    name = str(shipped) if config.checkpoint == "shipped" else config.checkpoint
    path = Path(name)
    if path.suffix == ".safetensors" or (path.is_file() and path.suffix):
        return _load_single_file(path, config, device)
    refuse_pickles(path)
    if path.is_dir() and not (path / "model_index.json").is_file():
        raise DataError(
            f"{path}: no model_index.json in it: not a diffusers pipeline; a single file is named with its "
            ".safetensors"
        )
    family = _family_in(path) if path.is_dir() else _family_of_hub(name, config)
    if config.family not in ("auto", family.name):
        raise DataError(
            f"{name} is a checkpoint of family {family.name}, the config says generator.family = "
            f"{config.family!r}"
        )
    given: dict[str, Any] = {}
    if (
        path.is_dir()
        and json.loads((path / "model_index.json").read_text())["vae"][1] == PatchAutoencoder.__name__
    ):
        given["vae"] = PatchAutoencoder.from_pretrained(path / "vae")
    if family.name == "sd":
        given["safety_checker"] = None  # a filter of its own would change who is drawn, unseen
    if family.name == "sd3" and config.without_t5:
        given |= {"text_encoder_3": None, "tokenizer_3": None}
    try:
        pipeline = family.pipeline.from_pretrained(
            name, torch_dtype=torch.float32, use_safetensors=True, variant=config.variant, **given
        )
    except LOAD_ERRORS as error:
        raise DataError(f"Stable Diffusion {name!r} cannot be loaded: {first_line(error)}") from error
    return _ready(Diffusion(pipeline, family, path if path.is_dir() else None, device))


def _load_single_file(path: Path, config: GeneratorConfig, device: Device) -> Diffusion:
    refuse_pickles(path)
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint")
    if config.family == "auto":
        raise ConfigError(
            f"generator.family: {path} is a single file, which does not say what it is; set it to sd, sdxl "
            "or sd3"
        )
    family = FAMILIES[config.family]
    given: dict[str, Any] = {"safety_checker": None} if family.name == "sd" else {}
    try:
        pipeline = family.pipeline.from_single_file(
            str(path), config=config.config, torch_dtype=torch.float32, use_safetensors=True, **given
        )
    except LOAD_ERRORS as error:
        raise DataError(
            f"{path} cannot be loaded as {config.family}: {first_line(error)}; without a network, "
            "generator.config must name a folder of that family"
        ) from error
    return _ready(Diffusion(pipeline, family, None, device))


def _ready(model: Diffusion) -> Diffusion:
    model.pipeline.set_progress_bar_config(disable=True)
    model.device.place(model.denoiser.eval().requires_grad_(False))
    model.device.place(model.pipeline.vae.eval().requires_grad_(False))
    # A text encoder is never trained; T5 in float32 would fill a GPU by itself.
    dtype = None if model.device.kind == "cpu" else model.device.sample_dtype
    for part in (getattr(model.pipeline, name) for name in model.family.text_encoders):
        if part is not None:
            model.device.place(part.eval().requires_grad_(False), dtype)
    return model


def _family_in(folder: Path) -> Family:
    name = json.loads((folder / "model_index.json").read_text()).get("_class_name")
    found = next((family for family in FAMILIES.values() if family.pipeline.__name__ == name), None)
    if found is None:
        known = ", ".join(family.pipeline.__name__ for family in FAMILIES.values())
        raise DataError(f"{folder} is a {name}; loopsim fine-tunes {known}")
    return found


def _family_of_hub(name: str, config: GeneratorConfig) -> Family:
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise DataError(f"{name}: no such folder, and no hub id (owner/name)")
    if config.family == "auto":
        raise ConfigError(f"generator.family: set it to sd, sdxl or sd3 for the hub's {name}")
    return FAMILIES[config.family]


def make_trainable(
    model: Diffusion,
    method: Literal["lora", "full"],
    rank: int,
    previous: Path | None,
    targets: Sequence[str] | None = None,
) -> None:
    """Free what `method` trains: new LoRA adapters (torch's global generator draws them) or the whole
    denoiser; all else stays frozen.

    `previous` is a folder of `save_finetuned`: training goes on from there. Trained weights are float32; a
    frozen denoiser under adapters is in the device's training arithmetic. Raises ConfigError if no layer has
    one of the `targets`' names.
    """
    if method == "full":
        if previous is not None:
            load_finetuned(model, previous)
        model.denoiser.requires_grad_(True)
        return
    denoiser = model.denoiser.to(model.device.train_dtype)
    names = list(targets or (POCKET_LORA_TARGETS if model.is_pocket else model.family.lora_targets))
    try:
        denoiser.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=names))
    except ValueError as error:
        raise ConfigError(f"finetune.lora_targets = {names}: {first_line(error)}") from error
    for parameter in denoiser.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if previous is not None:
        found = model.family.pipeline.lora_state_dict(previous)
        state = found[0] if isinstance(found, tuple) else found
        prefix = f"{model.family.denoiser}."
        outcome = set_peft_model_state_dict(
            denoiser, {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        )
        assert not outcome.unexpected_keys, outcome.unexpected_keys


def save_finetuned(model: Diffusion, method: Literal["lora", "full"], folder: Path) -> None:
    """Write LoRA weights as `load_lora_weights` reads them, or the whole pipeline as `from_pretrained` does.

    The parts that were not trained are copies of the base's files.
    """
    if method == "lora":
        state = {name: tensor.cpu() for name, tensor in get_peft_model_state_dict(model.denoiser).items()}
        model.family.pipeline.save_lora_weights(folder, **model.family.lora(state))
        return
    if model.folder is None:
        model.pipeline.save_pretrained(folder, safe_serialization=True)
    else:
        model.denoiser.save_pretrained(folder / model.family.denoiser)
        for path in sorted(
            p
            for p in model.folder.rglob("*")
            if p.is_file() and p.relative_to(model.folder).parts[0] != model.family.denoiser
        ):
            copy = folder / path.relative_to(model.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for path in (folder / "model_index.json", *folder.glob("*/config.json")):
        _forget_origin(path)


def load_finetuned(model: Diffusion, folder: Path) -> None:
    """Give a base pipeline the weights of `save_finetuned`; LoRA adapters are merged into the denoiser."""
    part = model.family.denoiser
    if (folder / part).is_dir():
        denoiser = type(model.denoiser).from_pretrained(folder / part, use_safetensors=True)
        setattr(model.pipeline, part, model.device.place(denoiser.eval().requires_grad_(False)))
    else:
        model.pipeline.load_lora_weights(folder, use_safetensors=True)
        model.pipeline.fuse_lora()
        model.pipeline.unload_lora_weights()


def _forget_origin(config_file: Path) -> None:
    """Drop the path that a model was loaded from out of its saved config: equal models are to be equal
    files.
    """
    config = json.loads(config_file.read_text())
    if config.pop("_name_or_path", None) is not None:
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True))


def for_sampling(model: Diffusion) -> Diffusion:
    """Return the model ready for `sample`: denoiser and text encoders in the sampling arithmetic (bfloat16
    doubles the speed of a CPU with AMX).
    """
    for name in (model.family.denoiser, *model.family.text_encoders):
        part = getattr(model.pipeline, name)
        if part is not None:
            part.to(model.device.sample_dtype).eval()
    if model.device.compile:
        model.denoiser.compile()
    return model
