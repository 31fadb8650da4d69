"""Captioners of every kind."""

from loopsim.models.captioners.captioner_kind import (
    CAPTIONERS,
    CaptionerKind,
    base_captioner,
    load_captioner,
)

__all__ = ["CAPTIONERS", "CaptionerKind", "base_captioner", "load_captioner"]
