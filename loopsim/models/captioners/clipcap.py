"""ClipCap (Mokady et al. 2021): CLIP's image feature, mapped to a prefix that a language model continues."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
)

from loopsim.config import SHIPPED, CaptionerConfig
from loopsim.core.device import CPU, Device
from loopsim.core.errors import DataError
from loopsim.models.captioners.captioner import Captioner, labels_of
from loopsim.models.captioners.captioner_kind import CaptionerKind
from loopsim.models.captioners.decoding import Decoding, write
from loopsim.models.clip import Clip
from loopsim.models.forward_cost import TowerCost, count_flops, num_weights
from loopsim.models.gate import check_model_folder
from loopsim.models.hub import model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.tokenizer import save_tokenizer
from loopsim.models.whole import load_whole

FILE = "clipcap.json"


class _TransformerMapper(nn.Module):
    """ClipCap's second mapper: the feature and as many learned tokens pass through a transformer; what the
    learned ones become is the prefix.
    """

    def __init__(self, feature_size: int, width: int, prefix_length: int, num_layers: int = 8) -> None:
        super().__init__()
        self.prefix_length = prefix_length
        self.linear = nn.Linear(feature_size, prefix_length * width)
        self.learned = nn.Parameter(torch.randn(prefix_length, width) * 0.02)
        heads = next(n for n in (8, 4, 2, 1) if width % n == 0)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="relu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)

    def forward(self, features: Tensor) -> Tensor:
        seen = self.linear(features).unflatten(-1, (self.prefix_length, -1))
        tokens = torch.cat([seen, self.learned.expand(len(features), -1, -1)], dim=1)
        prefix: Tensor = self.encoder(tokens)[:, self.prefix_length :].flatten(1)
        return prefix


@final
class ClipCap(nn.Module, Captioner):
    """`mapper` turns a CLIP feature [d] into `prefix_length` embeddings; `language_model` is a causal model
    of transformers, GPT-2 in the paper.
    """

    reads_features = True

    def __init__(
        self,
        language_model: Any,
        tokenizer: Any,
        feature_size: int,
        *,
        prefix_length: int,
        mapper: Literal["mlp", "transformer"] = "mlp",
        freeze_language_model: bool = False,
        max_tokens: int = 27,
        device: Device = CPU,
    ) -> None:
        super().__init__()
        width = language_model.get_input_embeddings().embedding_dim
        self.language_model, self.tokenizer, self.device = language_model, tokenizer, device
        self.settings = {
            "feature_size": feature_size,
            "prefix_length": prefix_length,
            "mapper": mapper,
            "freeze_language_model": freeze_language_model,
            "max_tokens": max_tokens,
        }
        self.feature_size, self.prefix_length, self.max_tokens = feature_size, prefix_length, max_tokens
        if mapper == "mlp":
            hidden = (feature_size + prefix_length * width) // 2
            self.mapper: nn.Module = nn.Sequential(
                nn.Linear(feature_size, hidden), nn.Tanh(), nn.Linear(hidden, prefix_length * width)
            )
        else:
            self.mapper = _TransformerMapper(feature_size, width, prefix_length)
        self.language_model.requires_grad_(not freeze_language_model)

    @property
    def module(self) -> nn.Module:
        return self

    def prefix(self, features: Tensor) -> Tensor:
        """Return the prefix embeddings [n, prefix_length, width] of unit-norm CLIP features [n, d]."""
        mapped: Tensor = self.mapper(features.to(self.device.name))
        return mapped.reshape(len(mapped), self.prefix_length, -1)

    def pixels(self, images: Tensor) -> Tensor:
        raise AssertionError("ClipCap reads CLIP's features")

    def loss(self, inputs: Tensor, texts: Sequence[str]) -> Tensor:
        labels = labels_of(self.tokenizer, texts, self.max_tokens).to(self.device.name)
        words = self.language_model.get_input_embeddings()(labels.clamp_min(0))
        logits = self.language_model(inputs_embeds=torch.cat([self.prefix(inputs), words], dim=1)).logits[
            :, self.prefix_length - 1 : -1
        ]
        return nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten())

    @torch.inference_mode()
    def write_batch(self, inputs: Tensor, seeds: Sequence[int], how: Decoding) -> list[str]:
        prefix = self.prefix(inputs)
        eos = self.tokenizer.eos_token_id
        given = {
            "inputs_embeds": prefix,
            "attention_mask": torch.ones(prefix.shape[:2], dtype=torch.long, device=prefix.device),
        }
        tokens = write(self.language_model, given, seeds, how, eos_token_id=eos, pad_token_id=eos)
        return [text.strip() for text in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    def save(self, folder: Path) -> None:
        """Write the language model as transformers loads it, the mapper beside it, and the tokenizer."""
        self.language_model.save_pretrained(folder)
        save_tokenizer(self.tokenizer, folder)
        save_file(
            {name: tensor.cpu().contiguous() for name, tensor in self.mapper.state_dict().items()},
            folder / "mapper.safetensors",
        )
        (folder / FILE).write_text(json.dumps(self.settings))


def pocket_language_model(tokenizer: CLIPTokenizer, prefix_length: int) -> GPT2LMHeadModel:
    """Return the pocket captioner's GPT-2 with random weights (torch's global generator draws them)."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=prefix_length + tokenizer.model_max_length,
            n_embd=128,
            n_layer=3,
            n_head=4,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def load_language_model(name: str) -> tuple[Any, Any]:
    """Return a causal language model and its tokenizer, of a folder or hub id. Raises DataError for a
    pickle.
    """
    folder = model_folder(name)
    try:
        return _language_model(folder)
    except LOAD_ERRORS as error:
        raise DataError(f"language model {name!r} cannot be loaded: {first_line(error)}") from error


def _language_model(folder: Path) -> tuple[Any, Any]:
    return load_whole(
        AutoModelForCausalLM, folder, dtype=torch.float32, trust_remote_code=False
    ), AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def load_clipcap(folder: Path, device: Device = CPU) -> ClipCap:
    """Return the captioner that `ClipCap.save` wrote to `folder`. Raises DataError."""
    check_model_folder(folder)
    try:
        settings = json.loads((folder / FILE).read_text())
        model = ClipCap(*_language_model(folder), settings.pop("feature_size"), **settings, device=device)
        model.mapper.load_state_dict(load_file(folder / "mapper.safetensors"))
    except LOAD_ERRORS as error:
        raise DataError(f"captioner {folder} cannot be loaded: {first_line(error)}") from error
    device.place(model.eval())
    return model


def _config_of(folder: Path) -> Any:
    check_model_folder(folder)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except LOAD_ERRORS as error:
        raise DataError(f"language model {folder} cannot be read: {first_line(error)}") from error


@final
class ClipCapKind(CaptionerKind):
    """ClipCap on CLIP_g: the shipped one, or any causal language model with a mapper of its own."""

    name = "clipcap"
    is_shipped = True

    def build(self, config: CaptionerConfig, weights: Path, clip: Clip, *, random: bool) -> Captioner:
        if config.model == SHIPPED:
            base = load_clipcap(weights / "captioner", clip.device)
            if not random and base.feature_size == clip.feature_size:
                return base
            language_model, tokenizer, prefix_length = base.language_model, base.tokenizer, base.prefix_length
            if random:
                language_model = type(language_model)(language_model.config)
        else:
            language_model, tokenizer = load_language_model(config.model)
            prefix_length = config.prefix_length
        captioner = ClipCap(
            language_model,
            tokenizer,
            clip.feature_size,
            prefix_length=prefix_length,
            mapper=config.mapper,
            freeze_language_model=config.freeze_language_model,
            max_tokens=config.max_tokens,
            device=clip.device,
        )
        clip.device.place(captioner.eval())
        return captioner

    def recognises(self, folder: Path) -> bool:
        return (folder / FILE).is_file()

    def load(self, folder: Path, device: Device) -> Captioner:
        return load_clipcap(folder, device)

    def cost(self, config: CaptionerConfig, shipped: Path) -> TowerCost:
        folder = shipped if config.model == SHIPPED else Path(config.model)
        # A language model of the hub, not at hand yet, counts as GPT-2.
        language = _config_of(folder) if (folder / "config.json").is_file() else GPT2Config()
        num_tokens = config.max_tokens + config.prefix_length
        num_tokens = min(num_tokens, getattr(language, "max_position_embeddings", num_tokens))
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(language)
            words = torch.zeros(1, num_tokens, dtype=torch.long)
            return TowerCost(count_flops(lambda: model(words)), num_weights(model))


CLIPCAP = ClipCapKind()
