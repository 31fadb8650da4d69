"""How many images go through a model at a time: found by trying, where the config says "auto"."""

from pathlib import Path

import torch

from loopsim.config import Config
from loopsim.core.device import Device, largest_batch
from loopsim.models.diffusion.finetuning import make_trainable
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.objectives import objective_of
from loopsim.models.diffusion.sampler import for_sampling, sample

_PROMPT = "a photo of a person"
MAX_BATCH = 256


def drawing_batch(config: Config, weights: Path, device: Device) -> int:
    """Return how many pictures are drawn at a time, `weights` being the folder of shipped parts; the run
    keeps it.
    """
    model = for_sampling(load_diffusion(config.generator, weights / "generator", device))
    size = config.data.image_size

    def draw(n: int) -> None:
        sample(
            model, [_PROMPT] * n, list(range(n)), num_steps=2, guidance=config.generate.guidance, size=size
        )

    return largest_batch(draw, device, MAX_BATCH)


def finetuning_batch(config: Config, weights: Path, device: Device) -> int:
    """Return how many pictures pass through the denoiser at a time while it is fine-tuned; the run
    keeps it.
    """
    settings = config.finetune
    model = load_diffusion(config.generator, weights / "generator", device)
    make_trainable(model, settings.method, settings.rank, None, settings.lora_targets)
    if settings.gradient_checkpointing:
        model.denoiser.enable_gradient_checkpointing()
    objective = objective_of(
        model.pipeline.scheduler,
        mean=settings.timestep_mean,
        std=settings.timestep_std,
        snr_gamma=settings.snr_gamma,
    )
    picture = torch.zeros((1, config.data.image_size, config.data.image_size, 3), dtype=torch.uint8)
    latent, conditions = model.encode_images(picture), model.encode_prompts([_PROMPT])

    def step(n: int) -> None:
        given = {name: tensor.expand(n, *tensor.shape[1:]) for name, tensor in conditions.items()}
        with device.arithmetic():
            loss = objective.loss(
                lambda noisy, t: model.predict(noisy, t, given),
                latent.expand(n, -1, -1, -1),
                torch.Generator(),
            )
        loss.backward()  # type: ignore[no-untyped-call]
        model.denoiser.zero_grad(set_to_none=True)

    return largest_batch(step, device, min(MAX_BATCH, settings.batch_size))
