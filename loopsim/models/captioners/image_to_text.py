"""Captioners that read pixels: an encoder-decoder Transformer from scratch, or a captioner from the hub
(BLIP, GIT, vision-encoder-decoder).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
)

from loopsim.core.device import CPU, Device
from loopsim.core.errors import DataError
from loopsim.models.captioners.captioner import Captioner, labels_of
from loopsim.models.captioners.decoding import Decoding, write
from loopsim.models.safe_weights import LOAD_ERRORS, first_line, refuse_pickles
from loopsim.models.tokenizer import save_tokenizer

FILE = "loopsim_captioner.json"
FAMILIES = ("blip", "git", "vision-encoder-decoder")


@final
class ImageToText(Captioner):
    """One of transformers' captioners with its image processor and tokenizer."""

    reads_features = False

    def __init__(
        self, model: Any, processor: Any, tokenizer: Any, max_tokens: int, device: Device = CPU
    ) -> None:
        self.model, self.processor, self.tokenizer, self.max_tokens, self.device = (
            model,
            processor,
            tokenizer,
            max_tokens,
            device,
        )
        self.family = model.config.model_type
        if self.family not in FAMILIES:
            raise DataError(
                f"a {self.family} model is no captioner that loopsim trains; it trains "
                f"{', '.join(FAMILIES)} (and ClipCap)"
            )

    @property
    def module(self) -> nn.Module:
        return self.model

    def pixels(self, images: Tensor) -> Tensor:
        return self.processor(images=list(images.numpy()), return_tensors="pt").pixel_values

    def loss(self, inputs: Tensor, texts: Sequence[str]) -> Tensor:
        labels = labels_of(self.tokenizer, texts, self.max_tokens)
        pixels = inputs.to(self.device.name)
        if self.family == "vision-encoder-decoder":
            return self.model(pixel_values=pixels, labels=labels.to(self.device.name)).loss
        # BLIP and GIT predict each word of a text from those before it; their texts open with a begin token.
        begin = torch.full((len(labels), 1), self._begin())
        labels = torch.cat([begin, labels], dim=1).to(self.device.name)
        words = labels.masked_fill(labels < 0, self._pad())
        return self.model(
            pixel_values=pixels, input_ids=words, attention_mask=(labels >= 0).long(), labels=labels
        ).loss

    @torch.inference_mode()
    def write_batch(self, inputs: Tensor, seeds: Sequence[int], how: Decoding) -> list[str]:
        eos = (
            self.tokenizer.eos_token_id
            if self.tokenizer.eos_token_id is not None
            else self.tokenizer.sep_token_id
        )
        given = {"pixel_values": inputs.to(self.device.name)}
        if self.family == "git":
            given["input_ids"] = torch.full((len(inputs), 1), self._begin(), device=self.device.name)
        known = (
            {} if self.family == "blip" else {"eos_token_id": eos, "pad_token_id": self._pad()}
        )  # BLIP names its own
        tokens = write(self.model, given, seeds, how, **known)
        return [text.strip() for text in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    def _begin(self) -> int:
        text = getattr(self.model.config, "text_config", self.model.config)
        known = (
            getattr(text, "bos_token_id", None),
            self.tokenizer.bos_token_id,
            self.tokenizer.cls_token_id,
        )
        return next(int(token) for token in known if token is not None)

    def _pad(self) -> int:
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, self.tokenizer.sep_token_id)
        return next(int(token) for token in known if token is not None)

    def save(self, folder: Path) -> None:
        """Write model, image processor and tokenizer as transformers loads them."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        save_tokenizer(self.tokenizer, folder)
        (folder / FILE).write_text(json.dumps({"max_tokens": self.max_tokens}))


def load_image_to_text(name: str, max_tokens: int, device: Device = CPU) -> ImageToText:
    """Return a captioner of a folder or hub id. Raises DataError for a pickle or a model of another kind."""
    refuse_pickles(Path(name))
    try:
        model = AutoModelForImageTextToText.from_pretrained(name, dtype=torch.float32, use_safetensors=True)
        processor, tokenizer = AutoImageProcessor.from_pretrained(name), AutoTokenizer.from_pretrained(name)
    except LOAD_ERRORS as error:
        raise DataError(f"captioner {name!r} cannot be loaded: {first_line(error)}") from error
    device.place(model.eval())
    return ImageToText(model, processor, tokenizer, max_tokens, device)


def load_saved(folder: Path, device: Device = CPU) -> ImageToText:
    """Return the captioner that `ImageToText.save` wrote to `folder`."""
    return load_image_to_text(str(folder), json.loads((folder / FILE).read_text())["max_tokens"], device)


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
    try:
        return AutoTokenizer.from_pretrained(name)
    except LOAD_ERRORS as error:
        raise DataError(f"tokenizer {name!r} cannot be loaded: {first_line(error)}") from error
