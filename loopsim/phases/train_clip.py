"""train_clip: an OpenCLIP model on D_g."""

import torch
from torch import Tensor

from loopsim.models.clip import Clip, build_clip, contrastive_loss, load_clip
from loopsim.models.tokenizer import tokenize
from loopsim.models.training import Schedule, fit
from loopsim.phases.dataset import load_training_set
from loopsim.rng import epoch_batches, seed_for
from loopsim.run import PhaseContext
from loopsim.types import Outputs


def initial_clip(context: PhaseContext) -> Clip:
    """Return the CLIP that training starts from: the base, the previous generation's, or the base's architecture with random weights."""
    config, generation = context.config.clip, context.generation
    if config.start == "previous" and generation > 0:
        return load_clip(context.artifact(generation - 1, "train_clip", "clip"))
    base = load_clip(context.weights / "clip")
    if config.start == "scratch":
        torch.manual_seed(seed_for(context.config.seed, generation, context.phase, "weights"))
        return build_clip(base.config, base.tokenizer)
    return base


def train_clip(context: PhaseContext) -> Outputs:
    """Train on batches of images, each with one of its captions."""
    config = context.config.clip
    name = (context.config.seed, context.generation, context.phase)
    clip, data = initial_clip(context), load_training_set(context)
    checkpoints = context.checkpoints(config.num_steps)

    def loss_of_step(step: int) -> Tensor:
        batch = context.world.split(next(epoch_batches(len(data), config.batch_size, step, *name)).tolist())
        captions = [data.caption(index, *name, step) for index in batch]
        return contrastive_loss(clip, data.images[batch], tokenize(clip.tokenizer, captions), context.world)

    fit(clip.model, loss_of_step, Schedule(config.num_steps, config.learning_rate), seed=name, world=context.world, checkpointing=checkpoints)
    return Outputs(artifacts={"clip": context.keep(clip.save)}, facts={"num_images": len(data), "num_steps": config.num_steps})
