"""finetune: Stable Diffusion on D_g."""

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from loopsim.config.resolved import ResolvedFinetuneConfig
from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.context.training_set import TrainingSet
from loopsim.core.rng import epoch_batches, numpy_generator, torch_generator
from loopsim.models.base_weights import seed_weights
from loopsim.models.diffusion.encodings import Encodings
from loopsim.models.diffusion.finetuning import make_trainable, save_finetuned
from loopsim.models.diffusion.objectives import objective_of
from loopsim.models.training import Schedule, fit


def finetune(context: PhaseContext) -> Outputs:
    """Train LoRA adapters or the whole denoiser with the model's own objective; pictures and captions are
    encoded once.
    """
    config, data = context.config.finetune, context.training_set()
    num_steps = config.steps(len(data))
    if context.config.generate.generator == "oracle" or num_steps == 0:
        reason = "the oracle generator is not trained" if num_steps else "no steps: the base model draws"
        return Outputs(facts={"skipped": reason})
    name = (context.config.seed, context.generation, context.phase)
    model = context.models.base_generator()
    previous = (
        context.models.generator_folder(context.generation - 1)
        if config.start == "previous" and context.generation
        else None
    )
    seed_weights(*name, "adapters")
    make_trainable(model, config.method, config.rank, previous, config.lora_targets)
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
                denoise = partial(model.predict, conditions=conditions)
                yield len(part) / len(batch) * objective.loss(denoise, latents, generator)

        schedule = Schedule(num_steps, config.learning_rate, config.warmup_steps, ema_decay=config.ema_decay)
        fit(
            model.denoiser,
            losses_of_step,
            schedule,
            seed=name,
            world=context.world,
            checkpointing=context.checkpoints(num_steps),
            device=context.device,
        )
    artifact = context.keep_artifact(lambda folder: save_finetuned(model, config.method, folder))
    facts = {"num_images": len(data), "num_steps": num_steps, "method": config.method}
    return Outputs(artifacts={"generator": artifact}, facts=facts)


class TrainingSteps:
    """Which pictures, with which caption, each step sees: a function of the run's seed, the phase and the
    step.
    """

    def __init__(self, context: PhaseContext, data: TrainingSet, config: ResolvedFinetuneConfig) -> None:
        self.name = (context.config.seed, context.generation, context.phase)
        self.world, self.data, self.config = context.world, data, config

    def batch(self, step: int) -> list[tuple[int, str]]:
        """Return this rank's share of a step's batch: (position in D_g, caption), the caption dropped now and
        then, for guidance's sake.
        """
        batches = epoch_batches(len(self.data), self.config.batch_size, step, *self.name)
        chosen = self.world.split(next(batches).tolist())
        rng = numpy_generator(*self.name, step, "dropped captions", self.world.rank)
        dropped = rng.random(len(chosen)) < self.config.caption_dropout
        return [
            (i, "" if drop else self.data.caption(i, *self.name, step))
            for i, drop in zip(chosen, dropped, strict=True)
        ]

    def parts(self, batch: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
        """Yield a batch in the parts that go through the model at a time."""
        for start in range(0, len(batch), self.config.micro_batch):
            yield batch[start : start + self.config.micro_batch]

    def all(self, num_steps: int) -> Iterator[list[tuple[int, str]]]:
        """Yield every step's batch, from the first on, whether it was done before or not: what is encoded
        once must not depend on a resume.
        """
        for step in range(num_steps):
            yield self.batch(step)
