"""train_captioner: an image captioner on D_g; ClipCap reads pictures through the round's own CLIP."""

from torch import Tensor

from loopsim.context.context import PhaseContext
from loopsim.context.model_loading import base_captioner, seed_weights, trained_captioner, trained_clip
from loopsim.context.phase import Outputs
from loopsim.context.training_set import load_training_set
from loopsim.core.rng import epoch_batches
from loopsim.models.captioners.captioner import Captioner
from loopsim.models.clip import Clip
from loopsim.models.prefetch import Ahead
from loopsim.models.training import Schedule, fit


def initial_captioner(context: PhaseContext, clip: Clip) -> Captioner:
    """Return the captioner that training starts from: the base, the previous generation's, or random
    weights.
    """
    config, generation = context.config.captioner, context.generation
    if config.start == "previous" and generation > 0:
        return trained_captioner(context, generation - 1)
    seed_weights(context.config.seed, generation, context.phase)
    return base_captioner(config, context.weights, clip, random=config.start == "scratch")


def train_captioner(context: PhaseContext) -> Outputs:
    """Train on D_g and one caption of each image at a time; CLIP_g's features are computed once."""
    config = context.config.captioner
    name = (context.config.seed, context.generation, context.phase)
    clip, data = trained_clip(context), load_training_set(context)
    captioner = initial_captioner(context, clip)
    num_steps = config.steps(len(data))
    features = (
        clip.encode_batches(data.batches()).clone() if captioner.reads_features else None
    )  # cloned, it leaves inference mode: training reads it

    def load(step: int) -> tuple[Tensor, list[str]]:
        batch = context.world.split(next(epoch_batches(len(data), config.batch_size, step, *name)).tolist())
        inputs = captioner.pixels(data.images(batch)) if features is None else features[batch]
        return inputs, [data.caption(index, *name, step) for index in batch]

    schedule = Schedule(
        num_steps, config.learning_rate, config.warmup_steps, weight_decay=config.weight_decay
    )
    checkpoints = context.checkpoints(num_steps)
    with Ahead(load, enabled=context.device.kind != "cpu") as batches:

        def losses_of_step(step: int) -> list[Tensor]:
            return [captioner.loss(*batches(step))]

        fit(
            captioner.module,
            losses_of_step,
            schedule,
            seed=name,
            world=context.world,
            checkpointing=checkpoints,
            device=context.device,
        )
    return Outputs(
        artifacts={"captioner": context.keep(captioner.save)},
        facts={"num_images": len(data), "num_steps": num_steps},
    )
