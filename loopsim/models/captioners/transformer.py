"""The seed paper's Transformer: an encoder-decoder captioner that is trained from scratch."""

from pathlib import Path
from typing import Any, final

from transformers import (
    AutoTokenizer,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
)

from loopsim.config import SHIPPED, CaptionerConfig
from loopsim.core.device import CPU, Device
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.captioners.captioner import Captioner
from loopsim.models.captioners.captioner_kind import CaptionerKind
from loopsim.models.captioners.image_to_text import ImageToText, is_saved, load_saved
from loopsim.models.clip import Clip
from loopsim.models.forward_cost import TowerCost
from loopsim.models.hub import CONFIGS, model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line


def build_transformer(
    tokenizer: Any,
    *,
    image_size: int,
    width: int,
    num_layers: int,
    max_tokens: int,
    patch_size: int = 16,
    device: Device = CPU,
) -> ImageToText:
    """Return an encoder-decoder Transformer with random weights (torch's global generator draws them): a ViT,
    and a GPT-2 that attends to it.
    """
    heads = max(1, width // 64)
    vision = ViTConfig(
        image_size=image_size,
        patch_size=patch_size,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=num_layers,
        num_attention_heads=heads,
    )
    text = GPT2Config(
        vocab_size=len(tokenizer), n_positions=max_tokens + 1, n_embd=width, n_layer=num_layers, n_head=heads,
        add_cross_attention=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = (
        begin,
        tokenizer.eos_token_id,
        tokenizer.eos_token_id,
    )
    model = VisionEncoderDecoderModel(config=config)
    device.place(model.eval())
    processor = ViTImageProcessor(size={"height": image_size, "width": image_size})
    return ImageToText(model, processor, tokenizer, max_tokens, device)


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer of a folder or hub id. Raises DataError."""
    folder = model_folder(name, CONFIGS)
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except LOAD_ERRORS as error:
        raise DataError(f"tokenizer {name!r} cannot be loaded: {first_line(error)}") from error


@final
class TransformerCaptioner(CaptionerKind):
    """An encoder-decoder Transformer with random weights and the tokenizer of `model`."""

    name = "transformer"

    def check(self, config: CaptionerConfig) -> None:
        if config.start == "base":
            raise ConfigError(
                'captioner.start = "base": an encoder-decoder transformer has no base weights; start = '
                '"scratch" or "previous"'
            )

    def build(self, config: CaptionerConfig, weights: Path, clip: Clip, *, random: bool) -> Captioner:
        tokenizer = load_tokenizer(str(weights / "captioner") if config.model == SHIPPED else config.model)
        return build_transformer(
            tokenizer,
            image_size=clip.config["preprocess_cfg"]["size"],
            width=config.width,
            num_layers=config.num_layers,
            max_tokens=config.max_tokens,
            device=clip.device,
        )

    def recognises(self, folder: Path) -> bool:
        return is_saved(folder)

    def load(self, folder: Path, device: Device) -> Captioner:
        return load_saved(folder, device)

    def cost(self, config: CaptionerConfig, shipped: Path) -> TowerCost:
        # Twelve squares of the width a layer in the encoder, sixteen in the decoder, which attends twice; 196
        # patches.
        weights = config.num_layers * 28 * config.width**2
        return TowerCost(2.0 * weights * (config.max_tokens + 196) / 2, weights)


TRANSFORMER = TransformerCaptioner()
