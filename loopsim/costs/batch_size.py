"""How many images go through a model at a time: found by trying, where the config says "auto"."""

from pathlib import Path

import torch

from loopsim.config import Config
from loopsim.core.device import choose_device, largest_batch
from loopsim.models.diffusion import stable_diffusion as diffusion
from loopsim.models.diffusion.objectives import objective_of

_PROMPT = "a photo of a person"
MAX_BATCH = 256


def probe_batches(config: Config, shipped: Path | None = None) -> Config:
    """Return the config with measured batch sizes for drawing and fine-tuning, if it asks for them; they are
    part of the run from then on.
    """
    updates: dict[str, object] = {}
    if config.generate.batch_size == "auto":
        updates["generate"] = config.generate.model_copy(update={"batch_size": _drawing(config, shipped)})
    if config.finetune.micro_batch == "auto":
        updates["finetune"] = config.finetune.model_copy(update={"micro_batch": _finetuning(config, shipped)})
    return config.model_copy(update=updates)


def _shipped(shipped: Path | None) -> Path:
    return (shipped or Path(__file__).parent / "assets") / "generator"


def _drawing(config: Config, shipped: Path | None) -> int:
    device = choose_device(config.device)
    model = diffusion.for_sampling(diffusion.load_diffusion(config.generator, _shipped(shipped), device))
    size = config.data.image_size

    def draw(n: int) -> None:
        diffusion.sample(
            model, [_PROMPT] * n, list(range(n)), num_steps=2, guidance=config.generate.guidance, size=size
        )

    return largest_batch(draw, device, MAX_BATCH)


def _finetuning(config: Config, shipped: Path | None) -> int:
    device, settings = choose_device(config.device), config.finetune
    model = diffusion.load_diffusion(config.generator, _shipped(shipped), device)
    diffusion.make_trainable(model, settings.method, settings.rank, None, settings.lora_targets)
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
        loss.backward()
        model.denoiser.zero_grad(set_to_none=True)

    return largest_batch(step, device, min(MAX_BATCH, settings.batch_size))
