"""What remedies cost while pictures are drawn: each beside plain drawing, in turns on one machine. What they
learn first is timed apart, by the loop's own phases.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

import numpy as np
import torch

from loopsim.config import Config
from loopsim.interventions.base import Draw, Intervention
from loopsim.interventions.latent_offset import LatentOffset
from loopsim.interventions.neon import Neon
from loopsim.interventions.sims import Sims
from loopsim.interventions.watermark import Watermark
from loopsim.models.base_weights import weights_folder
from loopsim.models.diffusion.adapters import adapter_of
from loopsim.models.diffusion.finetuning import make_trainable
from loopsim.models.diffusion.loading import load_diffusion
from loopsim.models.diffusion.sampler import Sampler, for_sampling

NUM_PICTURES, BATCH, NUM_TURNS = 32, 32, 8


@final
@dataclass(frozen=True)
class DrawingCost:
    """Seconds for the same pictures: plain drawing and a remedy's, turn by turn, [NUM_TURNS]."""

    name: str
    plain: np.ndarray
    changed: np.ndarray

    @property
    def ratio(self) -> float:
        """The median over turns of the remedy's time over that of plain drawing beside it."""
        return float(np.median(self.changed / self.plain))

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of that ratio."""
        low, high = np.quantile(self.changed / self.plain, [0.25, 0.75])
        return float(low), float(high)


def drawing_costs(config: Config) -> list[DrawingCost]:
    """Return what drawing with each remedy costs, on the generator of a config; "nothing" is plain drawing
    again, which tells the noise.
    """
    with TemporaryDirectory() as scratch:
        adapters = _random_adapters(config, Path(scratch) / "adapters")
        remedies: dict[str, Intervention | None] = {
            "nothing": None,
            "latent direction": LatentOffset(omega=2.0),
            "watermark": Watermark(),
            "neon": Neon().with_prepared(adapters),
            "sims": Sims().with_prepared(adapters),
        }
        plain = _drawing(config, None)
        return [_compared(name, plain, _drawing(config, remedy)) for name, remedy in remedies.items()]


def _compared(name: str, plain: Callable[[], None], changed: Callable[[], None]) -> DrawingCost:
    for work in (plain, changed):  # the first time warms up
        work()
    times = np.array([[_seconds(plain), _seconds(changed)] for _ in range(NUM_TURNS)])
    return DrawingCost(name, times[:, 0], times[:, 1])


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _drawing(config: Config, remedy: Intervention | None) -> Callable[[], None]:
    settings = config.generate
    model = load_diffusion(config.generator, weights_folder(config) / "generator")
    sampler = Sampler(model, settings.num_steps, settings.guidance, config.data.image_size)
    draws = [Draw("", "a photo of a person", seed) for seed in range(NUM_PICTURES)]
    if remedy is not None:
        remedy.adapt(sampler, None)
    for_sampling(model)

    def draw() -> None:
        for start in range(0, NUM_PICTURES, BATCH):
            batch = draws[start : start + BATCH]
            noise = None if remedy is None else partial(remedy.noise, draws=batch)
            sampler.draw([one.prompt for one in batch], [one.seed for one in batch], noise=noise)

    return draw


def _random_adapters(config: Config, folder: Path) -> Path:
    model = load_diffusion(config.generator, weights_folder(config) / "generator")
    torch.manual_seed(0)
    make_trainable(model, "lora", config.finetune.rank, None, config.finetune.lora_targets)
    adapter_of(model).save(folder)
    return folder
