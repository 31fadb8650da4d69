"""train_captioner: an image captioner on D_g, reading pictures through the round's own CLIP."""

import torch
from torch import Tensor

from loopsim.models.captioner import ClipCap, build_clipcap, load_clipcap
from loopsim.models.clip import Clip, load_clip
from loopsim.models.tokenizer import tokenize
from loopsim.models.training import Schedule, fit
from loopsim.phases.dataset import load_training_set
from loopsim.rng import epoch_batches, seed_for
from loopsim.run import PhaseContext
from loopsim.types import Outputs, replica


def initial_captioner(context: PhaseContext, clip: Clip) -> ClipCap:
    """Return the captioner that training starts from: the base, the previous generation's, or random weights."""
    config, generation = context.config.captioner, context.generation
    if config.start == "previous" and generation > 0:
        return load_clipcap(context.artifact(generation - 1, "train_captioner", "captioner"))
    if config.start == "scratch":
        torch.manual_seed(seed_for(context.config.seed, generation, context.phase, "weights"))
        return build_clipcap(clip.tokenizer, clip.config["model_cfg"]["embed_dim"])
    return load_clipcap(context.weights / "captioner")


def train_captioner(context: PhaseContext) -> Outputs:
    """Train on CLIP_g's features of D_g (computed once) and one caption of each image at a time."""
    config = context.config.captioner
    name = (context.config.seed, context.generation, context.phase)
    clip = load_clip(context.artifact(context.generation, replica("train_clip", context.replicate), "clip"))
    captioner, data = initial_captioner(context, clip), load_training_set(context)
    features = clip.encode_images(data.images).clone()  # leaves inference mode: training reads it
    checkpoints = context.checkpoints(config.num_steps)

    def loss_of_step(step: int) -> Tensor:
        batch = context.world.split(next(epoch_batches(len(data), config.batch_size, step, *name)).tolist())
        captions = [data.caption(index, *name, step) for index in batch]
        return captioner.loss(features[batch], tokenize(captioner.tokenizer, captions))

    fit(captioner, loss_of_step, Schedule(config.num_steps, config.learning_rate), seed=name, world=context.world, checkpointing=checkpoints)
    return Outputs(artifacts={"captioner": context.keep(captioner.save)}, facts={"num_images": len(data), "num_steps": config.num_steps})
