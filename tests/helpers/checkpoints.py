"""Tiny checkpoints of the real classes with random weights, saved in the layouts in which the real ones are
published.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import open_clip
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from open_clip.transform import PreprocessCfg
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    DetrImageProcessor,
    GitConfig,
    GitForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    YolosConfig,
    YolosForObjectDetection,
)

from loopsim.config import GeneratorConfig
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.tokenizer import build_tokenizer

WORDS = (
    "a an the photo picture of person man woman people with light dark skin in red green blue square cook "
    "nurse engineer on next to and"
).split()
SIZE = 32


def _vae(shift: float | None = None, channels: int = 4) -> AutoencoderKL:
    blocks = 2
    return AutoencoderKL(
        block_out_channels=(16, 32), in_channels=3, out_channels=3, latent_channels=channels,
        norm_num_groups=8, sample_size=SIZE, shift_factor=shift,
        down_block_types=("DownEncoderBlock2D",) * blocks, up_block_types=("UpDecoderBlock2D",) * blocks,
    )  # fmt: skip


def _text(tokenizer, projection: int | None = None):
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=tokenizer.model_max_length, projection_dim=projection or 32,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return CLIPTextModel(config) if projection is None else CLIPTextModelWithProjection(config)


def _unet(**given) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIZE // 2, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **({"cross_attention_dim": 32, "attention_head_dim": 4} | given),
    )  # fmt: skip


def stable_diffusion(folder: Path, prediction_type: str = "epsilon") -> Path:
    """SD 1.x with PNDM (ε), or 2.x with its v-prediction."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(WORDS)
    scheduled = {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "steps_offset": 1,
        "prediction_type": prediction_type,
    }
    scheduler = (
        PNDMScheduler(skip_prk_steps=True, **scheduled)
        if prediction_type == "epsilon"
        else DPMSolverMultistepScheduler(**scheduled)
    )
    StableDiffusionPipeline(
        vae=_vae(), text_encoder=_text(tokenizer), tokenizer=tokenizer, unet=_unet(), scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def stable_diffusion_xl(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(WORDS)
    unet = _unet(
        cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 32,
        transformer_layers_per_block=1, use_linear_projection=True,
    )  # fmt: skip
    scheduler = DPMSolverMultistepScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    StableDiffusionXLPipeline(
        vae=_vae(), text_encoder=_text(tokenizer), text_encoder_2=_text(tokenizer, 32), tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet, scheduler=scheduler, add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def stable_diffusion_3(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(WORDS)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -1.0) for word in WORDS)]
    t5 = T5EncoderModel(T5Config(vocab_size=200, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4))
    transformer = SD3Transformer2DModel(
        sample_size=SIZE // 2, patch_size=2, in_channels=16, out_channels=16, num_layers=2,
        attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64, pos_embed_max_size=16,
    )  # fmt: skip
    t5 = T5EncoderModel(T5Config(vocab_size=200, d_model=64, d_kv=8, d_ff=64, num_layers=2, num_heads=4))
    StableDiffusion3Pipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=_vae(0.06, 16),
        text_encoder=_text(tokenizer, 32), tokenizer=tokenizer, text_encoder_2=_text(tokenizer, 32),
        tokenizer_2=tokenizer,
        text_encoder_3=t5, tokenizer_3=T5Tokenizer(vocab=pieces, extra_ids=0),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def clip(folder: Path, kind: str = "vit") -> Path:
    """An OpenCLIP of the ViT or the ResNet kind, in the layout of open_clip's hub exports."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(WORDS)
    vision = {
        "vit": {"width": 32, "layers": 2, "head_width": 8, "patch_size": 8},
        "resnet": {"layers": [1, 1, 1, 1], "width": 8},
    }[kind]
    text = {
        "context_length": tokenizer.model_max_length, "vocab_size": len(tokenizer), "width": 32, "heads": 4,
        "layers": 2,
        "pool_type": "eos", "eos_id": tokenizer.eos_token_id, "hf_tokenizer_name": ".",
    }  # fmt: skip
    config = {"embed_dim": 32, "vision_cfg": vision | {"image_size": SIZE}, "text_cfg": text}
    model = open_clip.CLIP(**config)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": asdict(PreprocessCfg(size=SIZE))})
    )
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    tokenizer.save_pretrained(folder)
    return folder


def _bytes_tokenizer() -> GPT2Tokenizer:
    learner = Tokenizer(BPE())
    learner.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(
        vocab_size=400,
        initial_alphabet=sorted(ByteLevel.alphabet()),
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    learner.train_from_iterator([" ".join(WORDS)], trainer)
    model = json.loads(learner.to_str())["model"]
    return GPT2Tokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]])


def gpt2(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = _bytes_tokenizer()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4, **ids)
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _bert_tokenizer() -> BertTokenizer:
    return BertTokenizer(
        vocab={
            token: i
            for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)])
        }
    )


def blip(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = _bert_tokenizer()
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "encoder_hidden_size": 32,
        "max_position_embeddings": 64, "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
        "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": SIZE,
        "patch_size": 8,
    }
    BlipForConditionalGeneration(
        BlipConfig(text_config=text, vision_config=vision, projection_dim=32)
    ).save_pretrained(folder)
    BlipImageProcessor(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def git(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = _bert_tokenizer()
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": SIZE,
        "patch_size": 8,
    }
    config = GitConfig(
        vision_config=vision, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, bos_token_id=2, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    GitForCausalLM(config).save_pretrained(folder)
    CLIPImageProcessor(
        size={"height": SIZE, "width": SIZE}, crop_size={"height": SIZE, "width": SIZE}
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def vision_encoder_decoder(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = _bytes_tokenizer()
    vision = ViTConfig(
        image_size=SIZE,
        patch_size=8,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    text = GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4, add_cross_attention=True
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    config.decoder_start_token_id = config.pad_token_id = tokenizer.eos_token_id
    VisionEncoderDecoderModel(config=config).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def image_classifier(folder: Path, labels: tuple[str, ...]) -> Path:
    torch.manual_seed(0)
    names = dict(enumerate(labels))
    config = ViTConfig(
        image_size=SIZE, patch_size=8, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4,
        id2label=names, label2id={label: i for i, label in names.items()},
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    return folder


def detector(folder: Path) -> Path:
    torch.manual_seed(0)
    config = YolosConfig(
        image_size=[SIZE, SIZE], patch_size=8, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4,
        num_detection_tokens=5,
        id2label={0: "person", 1: "dog"}, label2id={"person": 0, "dog": 1},
    )  # fmt: skip
    YolosForObjectDetection(config).save_pretrained(folder)
    DetrImageProcessor(size={"height": SIZE, "width": SIZE}, do_pad=False).save_pretrained(folder)
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "sd": stable_diffusion,
    "sd-v": lambda folder: stable_diffusion(folder, "v_prediction"),
    "sdxl": stable_diffusion_xl,
    "sd3": stable_diffusion_3,
    "vit": clip,
    "resnet": lambda folder: clip(folder, "resnet"),
    "gpt2": gpt2,
    "blip": blip,
    "git": git,
    "ved": vision_encoder_decoder,
    "gender": lambda folder: image_classifier(folder, ("Male", "Female")),
    "unsure": lambda folder: image_classifier(folder, ("Male", "Unknown", "Female", "other")),
    "detector": detector,
}


class TinyModels:
    """A folder of tiny checkpoints by name; each is made when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, name: str) -> Path:
        folder = self.root / name
        return folder if folder.exists() else MAKERS[name](folder)


def loaded_diffusion(folder: Path, **more: object) -> Diffusion:
    """A generator of a checkpoint; `more` is of the config's section [generator]."""
    return load_diffusion(GeneratorConfig(checkpoint=str(folder), **more), Path("none"))
