"""train_clip: an OpenCLIP model on D_g."""

from torch import Tensor

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.core.rng import epoch_batches
from loopsim.models.base_weights import seed_weights
from loopsim.models.clip import Clip, base_clip, contrastive_loss, load_clip
from loopsim.models.prefetch import Prefetch
from loopsim.models.training import Schedule, fit


def initial_clip(context: PhaseContext) -> Clip:
    """Return the CLIP that training starts from: the base, the previous generation's, or the base's
    architecture with random weights.
    """
    config, generation = context.config.clip, context.generation
    if config.start == "previous" and generation > 0:
        folder = context.find_artifact(generation - 1, "train_clip", "clip")
        assert folder is not None, "the generation before is finished"
        return load_clip(folder, context.device)
    random = config.start == "scratch" or (
        config.start == "previous" and config.pretrained is None and config.model != "shipped"
    )
    seed_weights(context.config.seed, generation, context.phase)
    return base_clip(config, context.weights, context.device, random=random)


def train_clip(context: PhaseContext) -> Outputs:
    """Train on batches of images, each with one of its captions."""
    config = context.config.clip
    name = (context.config.seed, context.generation, context.phase)
    clip, data = initial_clip(context), context.training_set()
    num_steps = config.steps(len(data))

    def load(step: int) -> tuple[Tensor, list[str]]:
        batch = context.world.split(next(epoch_batches(len(data), config.batch_size, step, *name)).tolist())
        return data.images(batch), [data.caption(index, *name, step) for index in batch]

    schedule = Schedule(
        num_steps, config.learning_rate, config.warmup_steps, weight_decay=config.weight_decay
    )
    with Prefetch(load, enabled=context.device.kind != "cpu") as batches:

        def losses_of_step(step: int) -> list[Tensor]:
            return [contrastive_loss(clip, *batches(step), context.world)]

        fit(
            clip.model,
            losses_of_step,
            schedule,
            seed=name,
            world=context.world,
            checkpointing=context.checkpoints(num_steps),
            device=context.device,
        )
    facts = {"num_images": len(data), "num_steps": num_steps}
    return Outputs(artifacts={"clip": context.keep_artifact(clip.save)}, facts=facts)
