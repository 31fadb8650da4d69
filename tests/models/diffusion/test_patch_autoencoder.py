"""The pocket world's autoencoder is the best linear one."""

import pytest
import torch

from loopsim.models.diffusion.patch_autoencoder import fit_patch_autoencoder


def test_the_autoencoder_is_the_best_linear_one(pictures: torch.Tensor) -> None:
    images = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    whole, half = fit_patch_autoencoder(images, 8, 192), fit_patch_autoencoder(images, 8, 32)
    assert torch.allclose(whole.decode(whole.encode(images))[0], images, atol=1e-4)
    error = (half.decode(half.encode(images))[0] - images).square().mean()
    assert error < 0.1 * images.var()
    assert (half.encode(images) * half.config["scaling_factor"]).square().mean().item() == pytest.approx(
        1, rel=1e-3
    )
