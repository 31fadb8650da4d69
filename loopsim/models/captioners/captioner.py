"""Captioners: what train_captioner trains, whichever kind it is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from loopsim.models.captioners.decoding import Decoding

WRITE_BATCH = 250


class Captioner(ABC):
    """Writes captions of pictures. What it reads of them, its `inputs`, is either CLIP's features, which
    never change while it trains, or pixels.
    """

    reads_features: bool

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """What is trained."""

    @abstractmethod
    def pixels(self, images: Tensor) -> Tensor:
        """Return the pixels [n, 3, h, w] that it reads of uint8 images [n, h, w, 3]; only for captioners that
        do not read features.
        """

    @abstractmethod
    def loss(self, inputs: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the mean cross-entropy of captions' words, their end included."""

    @abstractmethod
    def write_batch(self, inputs: Tensor, seeds: Sequence[int], how: Decoding) -> list[str]:
        """Return one caption for each of a batch's inputs."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write it in its libraries' own layout."""

    def write(self, inputs: Tensor, seeds: Sequence[int], how: Decoding) -> list[str]:
        """Return one caption for each of n inputs; a sampled caption is a function of its input and its
        seed.
        """
        texts: list[str] = []
        for start in range(0, len(inputs), WRITE_BATCH):
            texts += self.write_batch(
                inputs[start : start + WRITE_BATCH], seeds[start : start + WRITE_BATCH], how
            )
        return texts


def labels_of(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> Tensor:
    """Return token ids [n, t] of texts with their end token, padded with -100, which no loss counts; longer
    texts are cut.
    """
    eos = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    encoded = tokenizer(
        list(texts), add_special_tokens=False, truncation=True, max_length=max_tokens - 1
    ).input_ids
    rows = [torch.tensor([*ids, eos]) for ids in encoded]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
