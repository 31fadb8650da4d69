"""finetune: Stable Diffusion on D_g."""

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from loopsim.config import FinetuneConfig
from loopsim.context.context import PhaseContext
from loopsim.context.model_loading import base_diffusion, seed_weights
from loopsim.context.phase import Outputs
from loopsim.context.training_set import TrainingSet, load_training_set
from loopsim.core.rng import epoch_batches, numpy_generator, torch_generator
from loopsim.models.diffusion import stable_diffusion as diffusion
from loopsim.models.diffusion.encodings import Encodings
from loopsim.models.diffusion.objectives import objective_of
from loopsim.models.training import Schedule, fit


def finetune(context: PhaseContext) -> Outputs:
    """Train LoRA adapters or the whole denoiser with the model's own objective; pictures and captions are
    encoded once.
    """
    config = context.config.finetune
    data = load_training_set(context)
    num_steps = config.steps(len(data))
    if context.config.generate.generator == "oracle" or num_steps == 0:
        return Outputs(
            facts={
                "skipped": "the oracle generator is not trained"
                if num_steps
                else "no steps: the base model draws"
            }
        )
    name = (context.config.seed, context.generation, context.phase)
    model = base_diffusion(context)
    previous = (
        context.artifact(context.generation - 1, "finetune", "generator")
        if config.start == "previous" and context.generation
        else None
    )
    seed_weights(*name, "adapters")
    diffusion.make_trainable(model, config.method, config.rank, previous, config.lora_targets)
    if config.gradient_checkpointing:
        model.denoiser.enable_gradient_checkpointing()
    if context.device.compile:
        model.denoiser.compile()
    objective = objective_of(
        model.pipeline.scheduler,
        mean=config.timestep_mean,
        std=config.timestep_std,
        snr_gamma=config.snr_gamma,
    )
    steps = TrainingSteps(context, data, config)
    with Encodings(model, data.images, steps.all(num_steps), config.cache, context.scratch()) as encodings:

        def losses_of_step(step: int) -> Iterator[Tensor]:
            batch = steps.batch(step)
            generator = torch_generator(*name, step, context.world.rank)
            for part in steps.parts(batch):
                latents, conditions = encodings.of(part)
                weight = len(part) / len(batch)
                denoise = partial(model.predict, conditions=conditions)
                yield weight * objective.loss(denoise, latents, generator)

        schedule = Schedule(num_steps, config.learning_rate, config.warmup_steps, ema_decay=config.ema_decay)
        checkpoints = context.checkpoints(num_steps)
        fit(
            model.denoiser,
            losses_of_step,
            schedule,
            seed=name,
            world=context.world,
            checkpointing=checkpoints,
            device=context.device,
        )
    artifact = context.keep(lambda folder: diffusion.save_finetuned(model, config.method, folder))
    facts = {"num_images": len(data), "num_steps": num_steps, "method": config.method}
    return Outputs(artifacts={"generator": artifact}, facts=facts)


class TrainingSteps:
    """Which pictures, with which caption, each step sees: a function of the run's seed, the phase and the
    step.
    """

    def __init__(self, context: PhaseContext, data: TrainingSet, config: FinetuneConfig) -> None:
        self.name = (context.config.seed, context.generation, context.phase)
        self.world, self.data, self.config = context.world, data, config

    def batch(self, step: int) -> list[tuple[int, str]]:
        """Return this rank's share of a step's batch: (position in D_g, caption), the caption dropped now and
        then, for guidance's sake.
        """
        chosen = self.world.split(
            next(epoch_batches(len(self.data), self.config.batch_size, step, *self.name)).tolist()
        )
        dropped = (
            numpy_generator(*self.name, step, "dropped captions", self.world.rank).random(len(chosen))
            < self.config.caption_dropout
        )
        return [
            (i, "" if drop else self.data.caption(i, *self.name, step))
            for i, drop in zip(chosen, dropped, strict=True)
        ]

    def parts(self, batch: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
        """Yield a batch in the parts that go through the model at a time."""
        size = self.config.micro_batch
        assert size != "auto", "settled when the run is created"
        size = len(batch) if size == "whole" else size
        for start in range(0, len(batch), size):
            yield batch[start : start + size]

    def all(self, num_steps: int) -> Iterator[list[tuple[int, str]]]:
        """Yield every step's batch, from the first on, whether it was done before or not: what is encoded
        once must not depend on a resume.
        """
        for step in range(num_steps):
            yield self.batch(step)
