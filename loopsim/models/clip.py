"""OpenCLIP: built, saved and loaded through open_clip's own factory, trained with open_clip's own loss."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTokenizer

from loopsim.distributed import World
from loopsim.models.tokenizer import tokenize

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
ENCODE_BATCH = 250


@final
@dataclass(frozen=True)
class Clip:
    """An open_clip model with what it needs to read pictures and text. `config` is the JSON that its factory builds it from."""

    model: Any  # an open_clip CLIP: its towers' methods are not typed
    tokenizer: CLIPTokenizer
    config: dict[str, Any]

    @torch.inference_mode()
    def encode_images(self, images: Tensor) -> Tensor:
        """Return unit-norm features [n, d] of uint8 images [n, h, w, 3]."""
        parts = [self.model.encode_image(self.preprocess(part)) for part in images.split(ENCODE_BATCH)]
        return nn.functional.normalize(torch.cat(parts), dim=-1)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return unit-norm features [n, d] of texts."""
        parts = [self.model.encode_text(part) for part in tokenize(self.tokenizer, texts).split(ENCODE_BATCH)]
        return nn.functional.normalize(torch.cat(parts), dim=-1)

    def preprocess(self, images: Tensor) -> Tensor:
        """Return what the image tower takes, [n, 3, size, size], of uint8 images [n, h, w, 3]: bicubic resize, then normalise."""
        settings = self.config["preprocess_cfg"]
        size = self.config["model_cfg"]["vision_cfg"]["image_size"]
        pixels = images.permute(0, 3, 1, 2).float() / 255
        if pixels.shape[-2:] != (size, size):
            pixels = nn.functional.interpolate(pixels, (size, size), mode="bicubic", antialias=True)
        return (pixels - torch.tensor(settings["mean"])[:, None, None]) / torch.tensor(settings["std"])[:, None, None]

    def save(self, folder: Path) -> None:
        """Write the folder that `open_clip.create_model_and_transforms("local-dir:<folder>")` loads."""
        folder.mkdir(parents=True)
        (folder / CONFIG_FILE).write_text(json.dumps(self.config, indent=2))
        save_file({name: tensor.contiguous() for name, tensor in self.model.state_dict().items()}, folder / WEIGHTS_FILE)
        self.tokenizer.save_pretrained(folder)


def pocket_clip_config(tokenizer: CLIPTokenizer) -> dict[str, Any]:
    """Return the pocket CLIP's config: a ViT of width 128 on 16 tokens of 16 × 16 pixels, and a text tower of 3 layers."""
    vision = {"image_size": 64, "patch_size": 16, "width": 128, "layers": 4, "head_width": 32}
    text = {
        "context_length": tokenizer.model_max_length,
        "vocab_size": len(tokenizer),
        "width": 128,
        "heads": 4,
        "layers": 3,
        "pool_type": "eos",
        "eos_id": tokenizer.eos_token_id,
        "hf_tokenizer_name": ".",  # read from the model's own folder
    }
    return {
        "model_cfg": {"embed_dim": 128, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": list(OPENAI_DATASET_MEAN), "std": list(OPENAI_DATASET_STD)},
    }


def build_clip(config: dict[str, Any], tokenizer: CLIPTokenizer) -> Clip:
    """Return a CLIP of that config with random weights (torch's global generator draws them)."""
    cfg = config["model_cfg"]
    model = open_clip.CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"])
    return Clip(model.eval(), tokenizer, config)


def load_clip(folder: Path) -> Clip:
    """Return the CLIP that `Clip.save` (or open_clip's hub export) wrote to `folder`."""
    config = json.loads((folder / CONFIG_FILE).read_text())
    model = open_clip.create_model(f"local-dir:{folder}", precision="fp32")
    return Clip(model.eval(), CLIPTokenizer.from_pretrained(folder), config)


def contrastive_loss(clip: Clip, images: Tensor, tokens: Tensor, world: World) -> Tensor:
    """Return open_clip's symmetric InfoNCE loss of a batch: images uint8 [n, h, w, 3], tokens [n, context]; over all ranks' batches."""
    loss = open_clip.ClipLoss(local_loss=world.size > 1, gather_with_grad=world.size > 1, rank=world.rank, world_size=world.size)
    image_features = clip.model.encode_image(clip.preprocess(images), normalize=True)
    text_features = clip.model.encode_text(tokens, normalize=True)
    # The factor is kept below 100, as CLIP's authors do: above it training becomes unstable.
    scale = clip.model.logit_scale.clamp(max=4.6052).exp()
    return loss(image_features, text_features, scale)
