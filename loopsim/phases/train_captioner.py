"""train_captioner: an image captioner on D_g; ClipCap reads pictures through the round's own CLIP."""

from torch import Tensor

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.core.rng import epoch_batches
from loopsim.models.base_weights import seed_weights
from loopsim.models.captioners import base_captioner, load_captioner
from loopsim.models.captioners.captioner import Captioner
from loopsim.models.clip import Clip
from loopsim.models.prefetch import Prefetch
from loopsim.models.training import Schedule, fit


def initial_captioner(context: PhaseContext, clip: Clip) -> Captioner:
    """Return the captioner that training starts from: the base, the previous generation's, or random
    weights.
    """
    config, generation = context.config.captioner, context.generation
    if config.start == "previous" and generation > 0:
        folder = context.find_artifact(generation - 1, "train_captioner", "captioner")
        assert folder is not None, "the generation before is finished"
        return load_captioner(folder, context.device)
    seed_weights(context.config.seed, generation, context.phase)
    return base_captioner(config, context.weights, clip, random=config.start == "scratch")


def train_captioner(context: PhaseContext) -> Outputs:
    """Train on D_g and one caption of each image at a time; CLIP_g's features are computed once."""
    config = context.config.captioner
    name = (context.config.seed, context.generation, context.phase)
    clip, data = context.models.clip(context.generation, context.replicate), context.training_set()
    captioner = initial_captioner(context, clip)
    num_steps = config.steps(len(data))
    # Cloned, they leave inference mode: training reads them.
    features = clip.encode_batches(data.batches()).clone() if captioner.reads_features else None

    def load(step: int) -> tuple[Tensor, list[str]]:
        batch = context.world.split(next(epoch_batches(len(data), config.batch_size, step, *name)).tolist())
        inputs = captioner.pixels(data.images(batch)) if features is None else features[batch]
        return inputs, [data.caption(index, *name, step) for index in batch]

    schedule = Schedule(
        num_steps, config.learning_rate, config.warmup_steps, weight_decay=config.weight_decay
    )
    with Prefetch(load, enabled=context.device.kind != "cpu") as batches:

        def losses_of_step(step: int) -> list[Tensor]:
            return [captioner.loss(*batches(step))]

        fit(
            captioner.module,
            losses_of_step,
            schedule,
            seed=name,
            world=context.world,
            checkpointing=context.checkpoints(num_steps),
            device=context.device,
        )
    facts = {"num_images": len(data), "num_steps": num_steps}
    return Outputs(artifacts={"captioner": context.keep_artifact(captioner.save)}, facts=facts)
