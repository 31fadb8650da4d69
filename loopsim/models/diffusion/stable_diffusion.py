"""A Stable Diffusion of any family: diffusers' own pipeline, and what the loop asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from loopsim.core.device import CPU, Device
from loopsim.models.diffusion.family import Conditions, Family
from loopsim.models.diffusion.patch_autoencoder import PatchAutoencoder


@final
@dataclass(frozen=True)
class Diffusion:
    """A pipeline of diffusers, the family it belongs to, the folder it came from (None: a single file or a
    hub), and where it computes.
    """

    pipeline: Any
    family: Family
    folder: Path | None = None
    device: Device = CPU

    @property
    def denoiser(self) -> Any:
        """The network that is fine-tuned."""
        return getattr(self.pipeline, self.family.denoiser)

    @property
    def is_pocket(self) -> bool:
        """True for the pocket model, whose autoencoder is loopsim's."""
        return isinstance(self.pipeline.vae, PatchAutoencoder)

    @property
    def image_size(self) -> int:
        """The side of the pictures that it was trained on."""
        side: int = self.denoiser.config.sample_size * self.pipeline.vae_scale_factor
        return side

    @property
    def _shift(self) -> float:
        return getattr(self.pipeline.vae.config, "shift_factor", None) or 0.0

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Return scaled float32 latents [n, c, h/8, w/8] of uint8 images [n, h, w, 3]: the mean of the
        autoencoder's distribution.
        """
        vae = self.pipeline.vae
        pixels = (images.permute(0, 3, 1, 2).float() / 127.5 - 1).to(device=self.device.name, dtype=vae.dtype)
        encoded = vae.encode(pixels)
        latents: Tensor = encoded if isinstance(encoded, Tensor) else encoded.latent_dist.mode()
        scaled: Tensor = (latents.float() - self._shift) * vae.config.scaling_factor
        return scaled

    @torch.no_grad()
    def decode_latents(self, latents: Tensor) -> Tensor:
        """Return uint8 images [n, h, w, 3], on the CPU, of scaled latents; in float32, for eight bits of
        mantissa would show as bands.
        """
        vae = self.pipeline.vae
        unscaled = latents.to(vae.dtype) / vae.config.scaling_factor + self._shift
        images = torch.cat(
            [vae.decode(part, return_dict=False)[0] for part in unscaled.split(64 if self.is_pocket else 4)]
        )
        return (
            ((images.float() + 1) * 127.5)
            .round()
            .clamp(0, 255)
            .to(torch.uint8)
            .permute(0, 2, 3, 1)
            .contiguous()
            .cpu()
        )

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> Conditions:
        """Return the text conditions of prompts, on the device."""
        return self.family.encode(self.pipeline, prompts)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """Return the denoiser's prediction [n, c, h, w]."""
        return self.family.predict(self.pipeline, noisy, timesteps, conditions)
