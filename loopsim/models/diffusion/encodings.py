"""Latents and text conditions of a training set: encoded once, kept in memory or in a file, and looked up at
each step.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, Self, final

import numpy as np
import torch
from torch import Tensor

from loopsim.models.diffusion.family import Conditions
from loopsim.models.diffusion.stable_diffusion import Diffusion

IN_MEMORY_BYTES = 256_000_000
_LATENT_BATCH, _PROMPT_BATCH = 32, 64
Example = tuple[int, str]  # position of a picture in its set, caption


class _Rows:
    """Tensors of one shape, one a row: in memory if they are few, else in a temporary file."""

    def __init__(self, num_rows: int, example: Tensor, folder: Path) -> None:
        shape = (num_rows, *example.shape)
        size = num_rows * example.numel() * example.element_size()
        if size <= IN_MEMORY_BYTES:
            self.tensor = torch.empty(shape, dtype=example.dtype)
        else:
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it lives as long as the rows
                dir=folder, prefix="encodings-", suffix=".tmp"
            )
            self._file.truncate(size)
            self.tensor = torch.from_file(
                self._file.name, shared=True, size=int(np.prod(shape)), dtype=example.dtype
            ).view(shape)


@final
class Encodings:
    """The encodings of a training's examples; what `cache` leaves out is encoded each time it is asked for.

    Encoded in fixed batches in a fixed order, so a resumed training sees the same bits. `images(positions)`
    gives pictures, `steps` every step's examples. After encoding, the parts of the pipeline that are not
    needed any more leave the device.
    """

    def __init__(
        self,
        model: Diffusion,
        images: Callable[[Sequence[int]], Tensor],
        steps: Iterable[Sequence[Example]],
        cache: Literal["all", "latents", "none"],
        folder: Path,
    ) -> None:
        self.model, self.images = model, images
        self._latents: _Rows | None = None
        self._texts: dict[str, _Rows] | None = None
        self._place = model.device.name
        if cache == "none":
            return
        positions: set[int] = set()
        captions: dict[str, int] = {}
        for batch in steps:
            positions.update(position for position, _ in batch)
            for _, caption in batch:
                captions.setdefault(caption, len(captions))
        self._row_of = {position: row for row, position in enumerate(sorted(positions))}
        self._encode_latents(sorted(positions), folder)
        if cache == "all":
            self._row_of_text = captions
            self._encode_texts(list(captions), folder)
        self._release()

    def _encode_latents(self, positions: list[int], folder: Path) -> None:
        for start in range(0, len(positions), _LATENT_BATCH):
            part = self.model.encode_images(self.images(positions[start : start + _LATENT_BATCH])).cpu()
            if self._latents is None:
                self._latents = _Rows(len(positions), part[0], folder)
            self._latents.tensor[start : start + len(part)] = part

    def _encode_texts(self, captions: list[str], folder: Path) -> None:
        for start in range(0, len(captions), _PROMPT_BATCH):
            part = {
                name: tensor.cpu()
                for name, tensor in self.model.encode_prompts(captions[start : start + _PROMPT_BATCH]).items()
            }
            if self._texts is None:
                self._texts = {name: _Rows(len(captions), tensor[0], folder) for name, tensor in part.items()}
            for name, tensor in part.items():
                self._texts[name].tensor[start : start + len(tensor)] = tensor

    def _release(self) -> None:
        if self.model.device.kind == "cpu":
            return
        names = ["vae", *(self.model.family.text_encoders if self._texts is not None else ())]
        for name in names:
            part = getattr(self.model.pipeline, name)
            if part is not None:
                part.to("cpu")

    def of(self, examples: Sequence[Example]) -> tuple[Tensor, Conditions]:
        """Return the latents [n, c, h, w] and text conditions of examples, on the device."""
        positions, captions = [position for position, _ in examples], [caption for _, caption in examples]
        if self._latents is None:
            latents = self.model.encode_images(self.images(positions))
        else:
            latents = self._latents.tensor[[self._row_of[position] for position in positions]].to(self._place)
        if self._texts is None:
            return latents, self.model.encode_prompts(captions)
        rows = [self._row_of_text[caption] for caption in captions]
        return latents, {name: kept.tensor[rows].to(self._place) for name, kept in self._texts.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._latents = self._texts = None
