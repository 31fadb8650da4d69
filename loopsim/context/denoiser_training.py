"""The training of a Stable Diffusion's denoiser: the loop's own fine-tuning, and that of an intervention's
adapters.
"""

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from loopsim.config.resolved import ResolvedFinetuneConfig
from loopsim.context.context import PhaseContext
from loopsim.context.training_set import caption_of
from loopsim.core.distributed import World
from loopsim.core.rng import Part, epoch_batches, numpy_generator, torch_generator
from loopsim.interventions.workshop import Pictures
from loopsim.models.diffusion.encodings import Encodings
from loopsim.models.diffusion.objectives import objective_of
from loopsim.models.diffusion.stable_diffusion import Diffusion
from loopsim.models.training import Schedule, fit


def train_denoiser(
    context: PhaseContext,
    model: Diffusion,
    data: Pictures,
    *,
    name: tuple[Part, ...],
    num_steps: int,
    part: str = "",
) -> None:
    """Train what is trainable of the denoiser, as `[finetune]` says, with the model's own objective; pictures
    and captions are encoded once. The result is a function of the weights, the data and `name`.

    `part`: which of a phase's trainings it is, if it has several.
    """
    config = context.config.finetune
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
    steps = _Steps(data, config, name, context.world)
    with Encodings(model, data.images, steps.all(num_steps), config.cache, context.scratch()) as encodings:

        def losses_of_step(step: int) -> Iterator[Tensor]:
            batch = steps.batch(step)
            generator = torch_generator(*name, step, context.world.rank)
            for examples in steps.parts(batch):
                latents, conditions = encodings.of(examples)
                denoise = partial(model.predict, conditions=conditions)
                yield len(examples) / len(batch) * objective.loss(denoise, latents, generator)

        fit(
            model.denoiser,
            losses_of_step,
            Schedule(num_steps, config.learning_rate, config.warmup_steps, ema_decay=config.ema_decay),
            seed=name,
            world=context.world,
            checkpointing=context.checkpoints(num_steps, part),
            device=context.device,
        )


class _Steps:
    """Which pictures, with which caption, each step sees: a function of the training's name and the step."""

    def __init__(
        self, data: Pictures, config: ResolvedFinetuneConfig, name: tuple[Part, ...], world: World
    ) -> None:
        self.data, self.config, self.name, self.world = data, config, name, world

    def batch(self, step: int) -> list[tuple[int, str]]:
        """Return this rank's share of a step's batch: (position, caption), the caption dropped now and then,
        for guidance's sake.
        """
        batches = epoch_batches(len(self.data), self.config.batch_size, step, *self.name)
        chosen = self.world.split(next(batches).tolist())
        rng = numpy_generator(*self.name, step, "dropped captions", self.world.rank)
        dropped = rng.random(len(chosen)) < self.config.caption_dropout
        return [
            (i, "" if drop else caption_of(self.data, i, *self.name, step))
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
