"""What a config will cost on this machine: one measured unit of each phase's work, times how many units a
generation has.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch

from loopsim.config import ResolvedConfig
from loopsim.core.distributed import World
from loopsim.models.base_weights import weights_folder
from loopsim.models.captioners.clipcap import load_clipcap
from loopsim.models.clip import contrastive_loss, load_clip
from loopsim.models.diffusion.finetuning import make_trainable
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.objectives import FlowMatching
from loopsim.models.diffusion.sampler import for_sampling, sample
from loopsim.phases.candidates import num_candidates, num_kept

_EXAMPLE = "a photo of a female cook next to a dog in a park"


@final
@dataclass(frozen=True)
class Cost:
    """One phase's work in a generation, and the seconds it should take here."""

    phase: str
    work: str
    seconds: float


def _seconds(unit: Callable[[], object]) -> float:
    """Return how long one unit of work takes, after a first one that warms up."""
    unit()
    start = time.perf_counter()
    unit()
    return time.perf_counter() - start


def measure_budget(config: ResolvedConfig) -> list[Cost]:
    """Measure the trained phases and sampling for a few seconds, and return each phase's cost; compose and
    commit cost next to nothing.
    """
    weights = weights_folder(config)
    clip, captioner = load_clip(weights / "clip"), load_clipcap(weights / "captioner")

    def images(n: int) -> torch.Tensor:
        return torch.randint(0, 256, (n, 64, 64, 3), dtype=torch.uint8)

    def clip_step() -> None:
        contrastive_loss(
            clip, images(config.clip.batch_size), [_EXAMPLE] * config.clip.batch_size, World()
        ).backward()  # type: ignore[no-untyped-call]

    def captioner_step() -> None:
        features = torch.randn(config.captioner.batch_size, captioner.feature_size)
        loss = captioner.loss(features, [_EXAMPLE] * config.captioner.batch_size)
        loss.backward()  # type: ignore[no-untyped-call]

    model = load_diffusion(config.generator, weights / "generator")
    make_trainable(model, config.finetune.method, config.finetune.rank, None)
    conditions = model.encode_prompts([_EXAMPLE] * config.finetune.batch_size)
    latents = model.encode_images(images(config.finetune.batch_size))
    objective = FlowMatching()

    def finetune_step() -> None:
        objective.loss(
            lambda noisy, t: model.predict(noisy, t, conditions), latents, torch.Generator()
        ).backward()  # type: ignore[no-untyped-call]

    per_step = {
        "train_clip": _seconds(clip_step),
        "train_captioner": _seconds(captioner_step),
        "finetune": _seconds(finetune_step),
    }
    sampler = for_sampling(load_diffusion(config.generator, weights / "generator"))
    size, settings = config.generate.batch_size, config.generate

    def batch() -> None:
        sample(
            sampler,
            [_EXAMPLE] * size,
            list(range(size)),
            num_steps=settings.num_steps,
            guidance=settings.guidance,
        )

    per_image = _seconds(batch) / size
    audit = len(config.evaluate.professions) * config.evaluate.num_audit_images
    drawn = num_candidates(settings, num_kept(config, 0))
    return [
        Cost(
            "train_clip",
            f"{config.clip.num_steps} steps of {config.clip.batch_size}",
            config.clip.num_steps * per_step["train_clip"],
        ),
        Cost(
            "train_captioner",
            f"{config.captioner.num_steps} steps of {config.captioner.batch_size}",
            config.captioner.num_steps * per_step["train_captioner"],
        ),
        Cost("evaluate", f"{audit} audit images", audit * per_image),
        Cost(
            "finetune",
            f"{config.finetune.num_steps} steps of {config.finetune.batch_size}",
            config.finetune.num_steps * per_step["finetune"],
        ),
        Cost("generate", f"{drawn} candidates at {1000 * per_image:.0f} ms", drawn * per_image),
    ]
