"""CLIPs load with open_clip alone, and are open_clip's own by name."""

from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image

from loopsim.models.clip import load_clip, open_clip_model
from tests.helpers import corpora


def test_clip_loads_with_open_clip_alone(weights: Path, tmp_path: Path, pictures: torch.Tensor) -> None:
    clip = load_clip(weights / "clip")
    clip.save(tmp_path / "clip")
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'clip'}")(["a photo of a cook"])
    with torch.inference_mode():
        assert torch.allclose(
            model.eval().encode_image(clip.preprocess(pictures), normalize=True),
            clip.encode_images(pictures),
            atol=1e-5,
        )
        assert torch.allclose(
            model.encode_text(tokens, normalize=True), clip.encode_texts(["a photo of a cook"]), atol=1e-5
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RN50", "ViT-B-32"])
def test_a_clip_of_open_clips_own_name(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip = open_clip_model(name, None, random=True, augment=True)
    clip.save(tmp_path / "clip")
    again = load_clip(tmp_path / "clip")
    model, _, evaluate = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    images, texts = corpora.pictures(2), ["a photo of a cook", "a man"]
    assert torch.allclose(again.encode_images(images), clip.encode_images(images), atol=1e-5)
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'clip'}")(texts)
    with torch.inference_mode():
        assert torch.allclose(
            model.eval().encode_text(tokens, normalize=True), clip.encode_texts(texts), atol=1e-5
        )
        seen = torch.stack([evaluate(Image.fromarray(image.numpy())) for image in images])
        assert torch.equal(seen, clip.preprocess(images))
    torch.manual_seed(5)
    one = clip.preprocess(images, training=True)
    torch.manual_seed(5)
    assert torch.equal(clip.preprocess(images, training=True), one)  # crops follow the seed of the step
    assert not torch.equal(one, seen)
