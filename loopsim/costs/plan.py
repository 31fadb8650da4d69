"""What a loop will cost before anything runs: images, steps, FLOPs, hours on a device, and disk, generation
by generation.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from loopsim.config import Config, Split
from loopsim.context.phase_names import all_phases, base_name
from loopsim.core.device import Device
from loopsim.core.errors import ConfigError
from loopsim.core.units import readable_bytes
from loopsim.costs.flops import DiffusionCost, captioner_cost, clip_cost, diffusion_cost
from loopsim.data.corpora import CORPORA
from loopsim.evaluation.measure import MEASURES, default_measures
from loopsim.interventions.base import Place
from loopsim.interventions.registry import build
from loopsim.models.base_weights import SHIPPED_WEIGHTS
from loopsim.models.forward_cost import TowerCost
from loopsim.phases.candidates import num_candidates
from loopsim.phases.compose import num_needed
from loopsim.phases.policies.policy import POLICIES, num_replaced

# Peak dense rates in TFLOP/s as their makers state them: bfloat16, float16 where there is no bfloat16 (V100,
# T4).
DEVICES: dict[str, float] = {
    "h200": 989, "h100": 989, "a100": 312, "l40s": 362, "a40": 150, "a10": 125, "l4": 121, "v100": 125,
    "t4": 65,
    "rtx4090": 165, "rtx3090": 71, "rtx6000ada": 364, "mi300x": 1307, "mi250": 362,
}  # fmt: skip
BYTES_PER_PIXEL = {"png": 1.8, "jpeg": 0.45}  # of natural pictures: lossless, and at quality 95; estimates


@final
@dataclass(frozen=True)
class Work:
    """One phase of one generation."""

    generation: int
    phase: str
    num_images: int
    num_steps: int
    flops: float
    disk: float


@final
@dataclass(frozen=True)
class Plan:
    """A loop's work, in order; `assumed` says which counts were assumed, `device` what the hours are counted
    on, `rate` in FLOP/s as reached; `learning` names the interventions that learn, which is not counted.
    """

    work: list[Work]
    device: str
    rate: float
    extra_memory: float
    assumed: list[str]
    learning: list[str]

    def hours(self, flops: float) -> float:
        """Return how long so many FLOPs take."""
        return flops / self.rate / 3600


@final
@dataclass(frozen=True)
class PlanRow:
    """One phase, over one generation or all of them: images, training steps, FLOPs, hours, bytes."""

    generation: str
    phase: str
    num_images: int
    num_steps: int
    flops: float
    hours: float
    disk: float


def stated_rate(device: str, utilisation: float) -> float:
    """Return a named device's FLOP/s as reached. Raises ConfigError for one that is not known."""
    if device not in DEVICES:
        raise ConfigError(
            f"--device {device}: known are {', '.join(DEVICES)}; or state its rate: --tflops 200"
        )
    return DEVICES[device] * 1e12 * utilisation


def measured_rate(device: Device, size: int = 2048, seconds: float = 1.0) -> float:
    """Return the FLOP/s of square matrix products in the device's sampling arithmetic."""
    a = torch.randn(size, size, device=device.name, dtype=device.sample_dtype)
    for _ in range(2):
        a @ a
    device.synchronize()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        a @ a
        device.synchronize()
        count += 1
    return 2.0 * size**3 * count / (time.perf_counter() - start)


def plan(config: Config, runs_dir: Path, device: str, rate: float) -> Plan:
    """Return what a config's loop will do. Counts of a corpus that was not read yet are those that
    `data.expected` states.

    Training counts three forward passes a step (a backward pass costs two; LoRA saves a part of it).
    Evaluation counts its pictures and captions.
    """
    sizes, assumed = _sizes(config, runs_dir)
    costs = Costs(config)
    work = [
        item
        for g, name in all_phases(config.generations, config.evaluate.num_replicates)
        if (item := costs.of(g, base_name(name), name, sizes)) is not None
    ]
    learning = [
        f"{one.name}[{number}]" for number, one in enumerate(build(config.interventions)) if one.prepares()
    ]
    return Plan(work, device, rate, costs.encodings_bytes(sizes), assumed, learning)


def _sizes(config: Config, runs_dir: Path) -> tuple[dict[Split, int], list[str]]:
    asked: dict[Split, int | str] = {
        "train": config.data.num_train,
        "retrieval": config.data.num_retrieval,
        "faces": config.data.num_faces,
    }
    found: dict[Split, int] = {}
    assumed = []
    known = CORPORA.get(config.data.corpus).known_sizes(config.data, runs_dir)
    for role, number in asked.items():
        if number != "all":
            found[role] = int(number)
        elif role in known:
            found[role] = known[role]
        elif role in config.data.expected:
            found[role] = dict(config.data.expected)[role]
            assumed.append(f"{found[role]:,} {role} images (data.expected)")
        elif role == "faces" and "retrieval" in found:
            found[role] = found["retrieval"]
        else:
            raise ConfigError(
                f"how many {role} images there are is not known yet: run `loopsim data check`, or state "
                f"data.expected = {{{role} = …}}"
            )
    return found, assumed


class Costs:
    """The FLOPs and bytes of a config's parts, and what each phase does with them."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.selecting = [i for i in build(config.interventions) if Place.SELECT in i.places]
        weights = Path(config.base_weights) if config.base_weights else SHIPPED_WEIGHTS
        self.diffusion: DiffusionCost = diffusion_cost(
            config.generator, weights / "generator", config.data.image_size
        )
        self.clip: TowerCost = clip_cost(config.clip, weights / "clip")
        self.encoder: TowerCost = clip_cost(config.encoder, weights / "clip")
        self.captioner: TowerCost = captioner_cost(config.captioner, weights / "captioner")

    def dataset_size(self, generation: int, num_slots: int) -> int:
        """Return |D_g|."""
        policy = POLICIES.get(self.config.compose.policy)
        return policy.dataset_size(num_slots, generation) if generation else num_slots

    def num_drawn(self, generation: int, num_slots: int) -> int:
        """Return how many pictures SD_g draws for S_{g+1}; those that an earlier generation drew from the
        same seed are not drawn again.
        """
        generate, compose = self.config.generate, self.config.compose
        needed = (
            num_needed(compose, num_slots, generation + 1, self.config.seed)
            if generate.num_samples is None
            else generate.num_samples
        )
        drawn = num_candidates(generate, needed, self.selecting)
        if (
            not generate.fresh_seeds
            and self.config.finetune.steps(num_slots) == 0
            and generation > 0
            and compose.policy == "substitute"
        ):
            before = num_replaced(compose, num_slots, generation, self.config.seed)
            drawn -= num_candidates(generate, before, self.selecting)
        return max(0, drawn)

    def image_flops(self) -> float:
        """Return the FLOPs of drawing one picture."""
        generate = self.config.generate
        passes = 2 if generate.guidance > 1 else 1
        return (
            generate.num_steps * passes * self.diffusion.denoise
            + self.diffusion.decode
            + passes * self.diffusion.text
        )

    def of(self, generation: int, phase: str, name: str, sizes: Mapping[Split, int]) -> Work | None:
        """Return a phase's work, or None for those that cost next to nothing."""
        config, num_slots = self.config, sizes["train"]
        n = self.dataset_size(generation, num_slots)
        match phase:
            case "train_clip":
                steps = config.clip.steps(n)
                flops = (
                    3
                    * self.clip.forward
                    * steps
                    * config.clip.batch_size
                    * (4 / 3 if config.clip.gradient_checkpointing else 1)
                )
                return Work(generation, name, n, steps, flops, 4.0 * self.clip.num_weights)
            case "train_captioner":
                steps = config.captioner.steps(n)
                flops = (
                    3 * self.captioner.forward * steps * config.captioner.batch_size + n * self.clip.forward
                )
                return Work(generation, name, n, steps, flops, 4.0 * self.captioner.num_weights)
            case "finetune":
                steps = config.finetune.steps(n)
                if steps == 0:
                    return None
                seen = steps * config.finetune.batch_size
                encoded = min(seen, n) if config.finetune.cache != "none" else seen
                checkpointing = 4 / 3 if config.finetune.gradient_checkpointing else 1
                flops = 3 * checkpointing * self.diffusion.denoise * seen + encoded * (
                    self.diffusion.encode + self.diffusion.text
                )
                kept = (
                    self.diffusion.num_weights
                    if config.finetune.method == "full"
                    else 0.004 * self.diffusion.num_weights * config.finetune.rank / 16
                )
                return Work(generation, name, n, steps, flops, 4.0 * kept)
            case "generate":
                drawn = self.num_drawn(generation, num_slots)
                flops = drawn * (self.image_flops() + self.clip.forward)
                disk = drawn * self.picture_bytes()
                if not config.generate.fresh_seeds and generation > 0:
                    # Pictures that are used again are stored again: a generation is complete in itself.
                    needed = num_needed(config.compose, num_slots, generation + 1, config.seed)
                    stored = num_candidates(config.generate, needed, self.selecting)
                    disk = self.picture_bytes() * stored
                return Work(generation, name, drawn, 0, flops, disk)
            case "evaluate":
                return self._evaluate(generation, name, n, sizes)
        return None

    def _evaluate(self, generation: int, name: str, n: int, sizes: Mapping[Split, int]) -> Work:
        config = self.config
        world = config.evaluate.professions or CORPORA.get(config.data.corpus).professions(config.data)
        chosen = config.evaluate.metrics
        names = default_measures() if chosen == "default" else chosen
        is_audited = any(MEASURES.get(name).draws_audit for name in names)
        audit = is_audited * len(world) * config.evaluate.num_audit_images
        measured = min(n, config.evaluate.max_pictures) * (3 if generation else 2)
        written = sizes["retrieval"] * config.captioner.num_beams * self.captioner.forward
        seen = (sizes["retrieval"] + sizes["faces"]) * self.clip.forward + (
            measured + sizes["retrieval"]
        ) * self.encoder.forward
        flops = audit * self.image_flops() + written + seen
        return Work(
            generation,
            name,
            audit + measured + sizes["retrieval"] + sizes["faces"],
            0,
            flops,
            audit * self.picture_bytes(),
        )

    def picture_bytes(self) -> float:
        """Return about how many bytes a stored picture takes."""
        return self.config.data.image_size**2 * BYTES_PER_PIXEL[self.config.generate.image_format]

    def encodings_bytes(self, sizes: Mapping[Split, int]) -> float:
        """Return the scratch space that cached latents and captions need while fine-tuning."""
        config = self.config.finetune
        seen = min(sizes["train"], config.steps(sizes["train"]) * config.batch_size)
        per_image = {
            "all": self.diffusion.latent_bytes + self.diffusion.condition_bytes,
            "latents": self.diffusion.latent_bytes,
            "none": 0,
        }
        return float(seen * per_image[config.cache])


def rows_of(found: Plan, *, every: bool) -> tuple[list[PlanRow], list[str]]:
    """Return a plan's table, a row for each phase (of each generation, if `every`) and the total, and its
    notes.
    """

    def row(generation: str, phase: str, work: list[Work]) -> PlanRow:
        flops = sum(item.flops for item in work)
        images, steps = sum(item.num_images for item in work), sum(item.num_steps for item in work)
        return PlanRow(
            generation, phase, images, steps, flops, found.hours(flops), sum(item.disk for item in work)
        )

    names = list(dict.fromkeys(base_name(item.phase) for item in found.work))
    if every:
        rows = [row(str(item.generation), item.phase, [item]) for item in found.work]
    else:
        rows = [
            row("all", name, [item for item in found.work if base_name(item.phase) == name]) for name in names
        ]
    total = row("total", "", found.work)
    notes = [f"assumed: {', '.join(found.assumed)}"] if found.assumed else []
    if found.learning:
        notes.append(f"not counted: what {', '.join(found.learning)} draw and train before they act")
    notes.append(
        f"on disk at the end about {readable_bytes(total.disk)}; while fine-tuning "
        f"{readable_bytes(found.extra_memory)} more for encodings, beside one checkpoint"
    )
    notes.append(
        "times are FLOPs by the rate that is reached: reading pictures and what a small batch wastes come "
        "on top; --utilisation changes it"
    )
    return [*rows, total], notes


def planned_bytes(config: Config, runs_dir: Path) -> float:
    """Return about how many bytes a run will write: what its plan says, measurements, one checkpoint at a
    time, and encodings while it fine-tunes.
    """
    found = plan(config, runs_dir, "", 1.0)
    largest = max(
        (item.disk for item in found.work if not item.phase.startswith(("generate", "evaluate"))), default=0.0
    )
    measurements = 5_000 * config.evaluate.num_resamples * (config.generations + 1)
    # A checkpoint holds weights, two moments and perhaps an average; while it is replaced, there are two.
    return (
        sum(item.disk for item in found.work) + measurements + 8 * largest + found.extra_memory + 100_000_000
    )
