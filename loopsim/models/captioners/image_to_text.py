"""Captioners that read pixels: transformers' own, from the hub or a folder (BLIP, GIT,
vision-encoder-decoder).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

from loopsim.config import SHIPPED, CaptionerConfig
from loopsim.core.device import CPU, Device
from loopsim.core.errors import ConfigError, DataError
from loopsim.models.captioners.captioner import Captioner, labels_of
from loopsim.models.captioners.captioner_kind import CaptionerKind
from loopsim.models.captioners.decoding import Decoding, write
from loopsim.models.clip import Clip
from loopsim.models.forward_cost import TowerCost
from loopsim.models.gate import read_json
from loopsim.models.hub import model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.tokenizer import save_tokenizer
from loopsim.models.whole import load_whole

FILE = "loopsim_captioner.json"
FAMILIES = ("blip", "git", "vision-encoder-decoder")


@final
class ImageToText(Captioner):
    """One of transformers' captioners with its image processor and tokenizer."""

    reads_features = False

    def __init__(
        self, model: Any, processor: Any, tokenizer: Any, max_tokens: int, device: Device = CPU
    ) -> None:
        self.model, self.processor, self.tokenizer = model, processor, tokenizer
        self.max_tokens, self.device = max_tokens, device
        self.family: str = model.config.model_type
        if self.family not in FAMILIES:
            raise DataError(
                f"a {self.family} model is no captioner that loopsim trains; it trains "
                f"{', '.join(FAMILIES)} (and ClipCap)"
            )

    @property
    def module(self) -> nn.Module:
        module: nn.Module = self.model
        return module

    def pixels(self, images: Tensor) -> Tensor:
        read: Tensor = self.processor(images=list(images.numpy()), return_tensors="pt").pixel_values
        return read

    def loss(self, inputs: Tensor, texts: Sequence[str]) -> Tensor:
        labels = labels_of(self.tokenizer, texts, self.max_tokens)
        pixels = inputs.to(self.device.name)
        if self.family == "vision-encoder-decoder":
            loss: Tensor = self.model(pixel_values=pixels, labels=labels.to(self.device.name)).loss
            return loss
        # BLIP and GIT predict each word of a text from those before it; their texts open with a begin token.
        begin = torch.full((len(labels), 1), self._begin())
        labels = torch.cat([begin, labels], dim=1).to(self.device.name)
        words = labels.masked_fill(labels < 0, self._pad())
        loss = self.model(
            pixel_values=pixels, input_ids=words, attention_mask=(labels >= 0).long(), labels=labels
        ).loss
        return loss

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
        # BLIP names its own.
        ends = {} if self.family == "blip" else {"eos_token_id": eos, "pad_token_id": self._pad()}
        tokens = write(self.model, given, seeds, how, **ends)
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
    folder = model_folder(name)
    try:
        model = load_whole(AutoModelForImageTextToText, folder, dtype=torch.float32, trust_remote_code=False)
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except LOAD_ERRORS as error:
        raise DataError(f"captioner {name!r} cannot be loaded: {first_line(error)}") from error
    device.place(model.eval())
    return ImageToText(model, processor, tokenizer, max_tokens, device)


def load_saved(folder: Path, device: Device = CPU) -> ImageToText:
    """Return the captioner that `ImageToText.save` wrote to `folder`. Raises DataError."""
    settings = read_json(folder / FILE)
    if not isinstance(settings, dict) or not isinstance(settings.get("max_tokens"), int):
        raise DataError(f"{folder / FILE}: max_tokens is no number, as loopsim writes one")
    return load_image_to_text(str(folder), settings["max_tokens"], device)


def is_saved(folder: Path) -> bool:
    """Return whether `ImageToText.save` wrote to the folder."""
    return (folder / FILE).is_file()


@final
class HubCaptioner(CaptionerKind):
    """A pretrained captioner of the hub or of a folder."""

    name = "hub"

    def check(self, config: CaptionerConfig) -> None:
        if config.model == SHIPPED:
            raise ConfigError(
                'captioner.kind = "hub" needs captioner.model: a folder or hub id of a captioner'
            )

    def build(self, config: CaptionerConfig, weights: Path, clip: Clip, *, random: bool) -> Captioner:
        return load_image_to_text(config.model, config.max_tokens, clip.device)

    def recognises(self, folder: Path) -> bool:
        return is_saved(folder)

    def load(self, folder: Path, device: Device) -> Captioner:
        return load_saved(folder, device)

    def cost(self, config: CaptionerConfig, shipped: Path) -> TowerCost:
        # As a ViT-B at 384 pixels with a decoder like BERT-base: what BLIP's base is.
        return TowerCost(2.0 * 86e6 * 577 + 2.0 * 137e6 * config.max_tokens, 223_000_000)


HUB = HubCaptioner()
