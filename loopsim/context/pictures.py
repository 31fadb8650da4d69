"""Pictures between bytes and tensors."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from loopsim.data.corpus import Corpus, Record
from loopsim.interventions.workshop import Pictures

BATCH = 250


def encode_picture(image: np.ndarray, format_: Literal["png", "jpeg"] = "png") -> bytes:
    """Return a uint8 RGB image [h, w, 3] as PNG, or as JPEG of quality 95."""
    buffer = io.BytesIO()
    settings: dict[str, Any] = (
        {"compress_level": 1} if format_ == "png" else {"quality": 95, "subsampling": 0}
    )
    Image.fromarray(image).save(buffer, format=format_.upper(), **settings)
    return buffer.getvalue()


def read_records(corpus: Corpus, records: Sequence[Record], size: int = BATCH) -> Iterator[Tensor]:
    """Yield the records' pictures in order, in batches uint8 [k, h, w, 3]."""
    for start in range(0, len(records), size):
        yield torch.from_numpy(np.stack(corpus.images(records[start : start + size])))


def batches(pictures: Pictures, size: int = BATCH) -> Iterator[Tensor]:
    """Yield all pictures of a set in order, in batches uint8 [k, h, w, 3]."""
    for start in range(0, len(pictures), size):
        yield pictures.images(range(start, min(start + size, len(pictures))))
