"""Captions do not depend on their batch, follow the temperature, and say what is there."""

from pathlib import Path

import numpy as np
import torch

from loopsim.models.captioners.clipcap import load_clipcap
from loopsim.models.captioners.decoding import Decoding
from loopsim.models.clip import load_clip


def test_captions_do_not_depend_on_their_batch(weights: Path, pictures: torch.Tensor) -> None:
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")
    features = clip.encode_images(pictures[:6])
    for temperature in (0.0, 0.7):
        together = captioner.write(features, range(6), Decoding(temperature))
        assert together == [
            captioner.write(features[i : i + 1], [i], Decoding(temperature))[0] for i in range(6)
        ]
    assert all(caption and "<|" not in caption for caption in together)


def test_the_base_captioner_sees_what_is_there(weights: Path, pictures: torch.Tensor, groups: list) -> None:
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")
    captions = captioner.write(clip.encode_images(pictures), [0] * len(pictures), Decoding())
    named = [group["profession"] in caption for group, caption in zip(groups, captions, strict=True)]
    assert np.mean(named) > 0.6


def test_sampled_captions_follow_the_temperature(weights: Path, pictures: torch.Tensor) -> None:
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")
    features = clip.encode_images(pictures[:1]).expand(40, -1)
    variety = [
        len(set(captioner.write(features, range(40), Decoding(temperature)))) for temperature in (0.0, 0.7)
    ]
    assert variety[0] == 1
    assert variety[1] > 5
