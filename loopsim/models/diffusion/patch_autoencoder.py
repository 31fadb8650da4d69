"""A linear patch autoencoder (PCA of 8 × 8 pixel patches) that stands in a Stable Diffusion pipeline where
the VAE stands.

On a CPU it costs one small matrix product an image and takes seconds to fit, where a convolutional VAE at
full resolution costs more than the denoiser. Being linear it adds no artefacts of its own: what it cannot
keep is exactly the variance left out by PCA.
"""

import sys
from typing import final

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

# A pipeline names the module of its autoencoder, and diffusers takes it from those that are imported:
# pipelines that were saved when this one lay in another folder are opened, too.
sys.modules.setdefault("loopsim.models.patch_autoencoder", sys.modules[__name__])


@final
class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Encode RGB in [-1, 1] of shape [n, 3, h, w] as latents [n, latent_channels, h/patch, w/patch], and
    decode them.

    Has the surface that `StableDiffusionPipeline` uses of a VAE: `config.block_out_channels` (whose length
    gives the scale factor), `config.latent_channels`, `config.scaling_factor` and `decode(latents,
    return_dict=False)[0]`.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        patch_size: int = 8,
        latent_channels: int = 32,
        scaling_factor: float = 1.0,
        block_out_channels: tuple[int, ...] = (1, 1, 1, 1),
    ) -> None:
        super().__init__()
        if 2 ** (len(block_out_channels) - 1) != patch_size:
            raise ValueError(
                "block_out_channels must have log2(patch_size) + 1 entries: the pipeline reads the scale "
                "factor from its length"
            )
        self.mean = nn.Parameter(torch.zeros(3 * patch_size**2), requires_grad=False)
        self.components = nn.Parameter(torch.zeros(latent_channels, 3 * patch_size**2), requires_grad=False)

    def encode(self, images: Tensor) -> Tensor:
        """Return unscaled latents [n, c, h/p, w/p] of images [n, 3, h, w] in [-1, 1]; the projection is
        deterministic.
        """
        patches = nn.functional.pixel_unshuffle(images, self.config["patch_size"])
        return torch.einsum("nphw,cp->nchw", patches - self.mean[:, None, None], self.components)

    def decode(
        self, latents: Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> tuple[Tensor]:
        """Return a tuple of images [n, 3, h, w] of unscaled latents. `return_dict` and `generator` are there
        for the pipeline's sake.
        """
        patches = torch.einsum("nchw,cp->nphw", latents, self.components) + self.mean[:, None, None]
        return (nn.functional.pixel_shuffle(patches, self.config["patch_size"]),)


def fit_patch_autoencoder(images: Tensor, patch_size: int = 8, latent_channels: int = 32) -> PatchAutoencoder:
    """Return the PCA patch autoencoder of images [n, 3, h, w] in [-1, 1].

    The scaling factor is one number, 1 / RMS of all latents: channels of fine detail stay small, so that
    noise in them stays invisible.
    """
    patches = nn.functional.pixel_unshuffle(images.double(), patch_size).permute(0, 2, 3, 1).flatten(0, 2)
    mean = patches.mean(0)
    centred = patches - mean
    _, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    components = vectors.flip(1)[:, :latent_channels].T
    components = (
        components * components.gather(1, components.abs().argmax(1, keepdim=True)).sign()
    )  # eigh leaves the sign open
    scaling_factor = float(1 / (centred @ components.T).square().mean().sqrt())
    model: PatchAutoencoder = PatchAutoencoder(
        patch_size, latent_channels, round(scaling_factor, 6), (1,) * patch_size.bit_length()
    )
    model.mean.data = mean.float()
    model.components.data = components.float().contiguous()
    return model
