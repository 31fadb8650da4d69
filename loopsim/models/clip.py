"""OpenCLIP: built, saved and loaded through open_clip's own factory, with its own tokenizers, transforms and
loss.
"""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.pretrained import download_pretrained, get_pretrained_cfg
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTokenizer

from loopsim.config import SHIPPED, ClipConfig, EncoderConfig
from loopsim.core.device import CPU, Device
from loopsim.core.distributed import World
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.gate import check_model_folder, read_json, require_safetensors
from loopsim.models.hub import CONFIGS, model_folder, near_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.tokenizer import save_tokenizer

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
ENCODE_BATCH = 250


@final
@dataclass(frozen=True)
class Clip:
    """An open_clip model with what it needs to read pictures and text. `config` is the JSON that open_clip's
    factory builds it from.

    `tokenizer` is open_clip's: texts -> token ids [n, context]. `augment`: training pictures pass through
    open_clip's training transform.
    """

    model: Any  # an open_clip CLIP: its towers' methods are not typed
    tokenizer: Callable[[list[str]], Tensor]
    config: dict[str, Any]
    device: Device = CPU
    augment: bool = False

    @property
    def feature_size(self) -> int:
        """The width of its features."""
        size: int = self.config["model_cfg"]["embed_dim"]
        return size

    @torch.inference_mode()
    def encode_images(self, images: Tensor) -> Tensor:
        """Return unit-norm float32 features [n, d], on the CPU, of uint8 images [n, h, w, 3]."""
        return self.encode_batches(images.split(ENCODE_BATCH))  # type: ignore[no-untyped-call]

    @torch.inference_mode()
    def encode_batches(self, batches: Iterable[Tensor]) -> Tensor:
        """Return unit-norm float32 features [n, d], on the CPU, of uint8 images that come in batches [k, h,
        w, 3].
        """
        parts = []
        for batch in batches:
            with self.device.arithmetic():
                features = self.model.encode_image(self.preprocess(batch))
            parts.append(nn.functional.normalize(features.float(), dim=-1).cpu())
        return torch.cat(parts) if parts else torch.zeros(0, self.feature_size)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return unit-norm float32 features [n, d], on the CPU, of texts."""
        parts = []
        for start in range(0, len(texts), ENCODE_BATCH):
            with self.device.arithmetic():
                features = self.model.encode_text(self.tokenize(texts[start : start + ENCODE_BATCH]))
            parts.append(nn.functional.normalize(features.float(), dim=-1).cpu())
        return torch.cat(parts) if parts else torch.zeros(0, self.feature_size)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids [n, context], on the device."""
        return self.tokenizer(list(texts)).to(self.device.name)

    def preprocess(self, images: Tensor, *, training: bool = False) -> Tensor:
        """Return what the image tower takes, [n, 3, size, size] on the device, of uint8 images [n, h, w, 3],
        by open_clip's transform.
        """
        settings = PreprocessCfg(**self.config["preprocess_cfg"])
        side = settings.size if isinstance(settings.size, int) else settings.size[0]
        augment = training and self.augment
        if not augment and images.shape[1:3] == (side, side):
            # The transform's last two steps; those before it change nothing here.
            mean, std = torch.tensor(settings.mean)[:, None, None], torch.tensor(settings.std)[:, None, None]
            return ((images.permute(0, 3, 1, 2).float() / 255 - mean) / std).to(self.device.name)
        transform = image_transform_v2(settings, is_train=augment)
        return torch.stack([transform(Image.fromarray(image.numpy())) for image in images]).to(
            self.device.name
        )

    def save(self, folder: Path) -> None:
        """Write the folder that `open_clip.create_model_and_transforms("local-dir:<folder>")` loads."""
        folder.mkdir(parents=True)
        (folder / CONFIG_FILE).write_text(json.dumps(self.config, indent=2))
        save_file(
            {name: tensor.cpu().contiguous() for name, tensor in self.model.state_dict().items()},
            folder / WEIGHTS_FILE,
        )
        if isinstance(self.tokenizer, HFTokenizer):
            save_tokenizer(self.tokenizer.tokenizer, folder)


def pocket_clip_config(tokenizer: CLIPTokenizer) -> dict[str, Any]:
    """Return the pocket CLIP's config: a ViT of width 128 on 16 tokens of 16 × 16 pixels, and a text tower of
    3 layers.
    """
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
        "preprocess_cfg": {"mean": list(OPENAI_DATASET_MEAN), "std": list(OPENAI_DATASET_STD), "size": 64},
    }


def build_clip(config: dict[str, Any], tokenizer_folder: Path) -> Clip:
    """Return a CLIP of that config with random weights (torch's global generator draws them) and the
    tokenizer in a folder.
    """
    cfg = config["model_cfg"]
    model = open_clip.CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"])
    return Clip(
        model.eval(),
        HFTokenizer(str(tokenizer_folder), context_length=cfg["text_cfg"]["context_length"]),
        config,
    )


def open_clip_model(
    name: str, pretrained: str | None, *, random: bool = False, device: Device = CPU, augment: bool = False
) -> Clip:
    """Return a CLIP by open_clip's name for it, or of a folder ("local-dir:…"), with pretrained weights or,
    if `random`, drawn anew.

    torch's global generator draws random weights. Raises ConfigError for a name, tag or file that open_clip
    does not know, DataError for a pickle, or a folder that holds more than weights and configs.
    """
    folder = _folder_of(name)
    if folder is not None:
        name, config = f"local-dir:{folder}", _config_in(folder)
    else:
        known = open_clip.get_model_config(name)
        if known is None:
            raise ConfigError(
                f"clip.model = {name!r}: open_clip knows no such model; `open_clip.list_models()` lists "
                f"{len(open_clip.list_models())}"
            )
        config = {"model_cfg": known}
    text = config["model_cfg"].get("text_cfg", {})
    try:
        if folder is None and pretrained is not None and not random:
            _require_safe_weights(name, pretrained)
        model = open_clip.create_model(
            name,
            pretrained if not random else None,
            load_weights=not random,
            require_pretrained=not random,
            precision="fp32",
            **_text_tower(text),
        )
        tokenizer = _tokenizer(name, text, folder)
    except LOAD_ERRORS as error:
        raise ConfigError(f"CLIP {name!r} with weights {pretrained!r}: {first_line(error)}") from error
    config["preprocess_cfg"] = asdict(PreprocessCfg(**_single_size(model.visual.preprocess_cfg)))
    device.place(model.eval())
    return Clip(model, tokenizer, config, device, augment)


def _single_size(settings: dict[str, Any]) -> dict[str, Any]:
    size = settings.get("size", 224)
    return settings | {"size": size if isinstance(size, int) else size[0]}


def _folder_of(name: str) -> Path | None:
    """Return the checked folder of a CLIP that has one: the user's own, or the hub's snapshot."""
    schema, _, place = name.partition(":")
    if schema == "hf-hub":
        return model_folder(place, (*CONFIGS, WEIGHTS_FILE))
    if schema != "local-dir":
        return None
    check_model_folder(Path(place))
    return Path(place)


def _config_in(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG_FILE).is_file():
        raise DataError(f"{folder}: no {CONFIG_FILE} in it: not a model of open_clip's layout")
    config: dict[str, Any] = read_json(folder / CONFIG_FILE)
    if not isinstance(config.get("model_cfg"), dict):
        raise DataError(f"{folder / CONFIG_FILE}: no model_cfg in it")
    return config


def _require_safe_weights(name: str, pretrained: str) -> None:
    """Raise DataError if a tag or a file means weights that are not safetensors."""
    published = get_pretrained_cfg(name, pretrained)
    file = Path(download_pretrained(published) if published else pretrained)
    if published or file.exists():
        require_safetensors(file)


def _text_tower(text: dict[str, Any]) -> dict[str, Any]:
    """Return the text tower's config where it is a model of transformers: that one's own config is checked,
    its weights are in the CLIP's.
    """
    tower = text.get("hf_model_name")
    if not tower:
        return {}
    folder = model_folder(tower, ("config.json",))
    return {"text_cfg": text | {"hf_model_name": str(folder), "hf_model_pretrained": False}}


def _tokenizer(name: str, text: dict[str, Any], folder: Path | None) -> Callable[[list[str]], Tensor]:
    """Return open_clip's own tokenizer, or transformers' of the model's folder; of a hub's id for a name that
    open_clip knows.
    """
    source = text.get("hf_tokenizer_name")
    if not source:
        return open_clip.get_tokenizer(name)  # type: ignore[no-any-return]
    place = folder if folder is not None else model_folder(source, CONFIGS)
    tokenizer: Callable[[list[str]], Tensor] = HFTokenizer(
        str(place),
        context_length=text.get("context_length", DEFAULT_CONTEXT_LENGTH),
        tokenizer_mode=text.get("tokenizer_mode"),
        trust_remote_code=False,
        **(text.get("tokenizer_kwargs") or {}),
    )
    return tokenizer


def load_clip(folder: Path, device: Device = CPU) -> Clip:
    """Return the CLIP that `Clip.save` (or open_clip's hub export) wrote to `folder`."""
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # open_clip tells the root logger about every step
    try:
        return open_clip_model(f"local-dir:{folder}", None, device=device)
    finally:
        logging.getLogger().setLevel(level)


def base_clip(config: ClipConfig, weights: Path, device: Device, *, random: bool = False) -> Clip:
    """Return the CLIP that the config starts from, or its architecture with random weights (torch's global
    generator draws them).
    """
    clip = open_clip_model(
        _name_of(config.model, weights),
        config.pretrained,
        random=random,
        device=device,
        augment=config.augment,
    )
    if config.gradient_checkpointing:
        clip.model.set_grad_checkpointing(True)
    if device.compile:
        clip.model.visual.compile()
    return clip


def frozen_clip(config: EncoderConfig, weights: Path, device: Device) -> Clip:
    """Return the CLIP of `[encoder]`, which no generation trains: a ruler must not bend."""
    return open_clip_model(_name_of(config.model, weights), config.pretrained, device=device)


def _name_of(model: str, weights: Path) -> str:
    """Return open_clip's name of a configured CLIP: a folder becomes its "local-dir:…"."""
    if model == SHIPPED:
        return f"local-dir:{weights / 'clip'}"
    if Path(model).is_dir():
        return f"local-dir:{model}"
    if "/" in model and ":" not in model:
        raise DataError(
            f"{model}: no such folder{near_folder(model)}; a model of the hub is named hf-hub:owner/name"
        )
    return model


def contrastive_loss(clip: Clip, images: Tensor, texts: Sequence[str], world: World) -> Tensor:
    """Return open_clip's symmetric InfoNCE loss (SigLIP models: its sigmoid loss) of images uint8 [n, h, w,
    3] and texts, over all ranks' batches.
    """
    image_features = clip.model.encode_image(clip.preprocess(images, training=True), normalize=True)
    text_features = clip.model.encode_text(clip.tokenize(texts), normalize=True)
    # The factor is kept below 100, as CLIP's authors do: above it training becomes unstable.
    scale = clip.model.logit_scale.clamp(max=4.6052).exp()
    bias = getattr(clip.model, "logit_bias", None)
    if bias is not None:
        sigmoid = open_clip.loss.SigLipLoss(rank=world.rank, world_size=world.size)
        loss: Tensor = sigmoid(image_features, text_features, scale, bias)
        return loss
    softmax = open_clip.ClipLoss(
        local_loss=world.size > 1, gather_with_grad=world.size > 1, rank=world.rank, world_size=world.size
    )
    loss = softmax(image_features, text_features, scale)
    return loss
