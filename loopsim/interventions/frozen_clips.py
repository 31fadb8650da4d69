"""Frozen CLIPs that an intervention asks beside the run's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loopsim.config import SHIPPED, EncoderConfig


def require_frozen_clips(encoders: Sequence[EncoderConfig]) -> None:
    """Raise ConfigError for one that cannot be opened."""
    from loopsim.core.device import CPU
    from loopsim.models.clip import frozen_clip

    for encoder in encoders:
        if encoder.model != SHIPPED:
            frozen_clip(encoder, Path(), CPU)


def contents_of(encoders: Sequence[EncoderConfig]) -> list[Any]:
    """Return what each one's features depend on, as JSON: the hashes of its files, or its pinned name."""
    from loopsim.core.hashing import hash_folder
    from loopsim.models.base_weights import pinned_name

    def content(name: str) -> str:
        path = Path(name.removeprefix("local-dir:"))
        return hash_folder(path) if path.exists() else pinned_name(name)

    return [
        [content(one.model), None if one.pretrained is None else content(one.pretrained)] for one in encoders
    ]
