"""finetune: Stable Diffusion on D_g."""

import torch
from torch import Tensor

from loopsim.models import diffusion
from loopsim.models.tokenizer import tokenize
from loopsim.models.training import Schedule, fit
from loopsim.phases.dataset import load_training_set
from loopsim.rng import epoch_batches, numpy_generator, seed_for, torch_generator
from loopsim.run import PhaseContext
from loopsim.types import Outputs


def finetune(context: PhaseContext) -> Outputs:
    """Train LoRA adapters or the whole denoiser with its flow-matching loss; pictures are encoded once."""
    config = context.config.finetune
    if context.config.generate.generator == "oracle":
        return Outputs(facts={"skipped": "the oracle generator is not trained"})
    name = (context.config.seed, context.generation, context.phase)
    pipeline = diffusion.load_pipeline(context.weights / "generator")
    previous = context.artifact(context.generation - 1, "finetune", "generator") if config.start == "previous" and context.generation else None
    torch.manual_seed(seed_for(*name, "adapters"))
    diffusion.make_trainable(pipeline, config.method, config.rank, previous)
    data = load_training_set(context)
    latents = diffusion.encode_images(pipeline, data.images)
    checkpoints = context.checkpoints(config.num_steps)

    def loss_of_step(step: int) -> Tensor:
        batch = context.world.split(next(epoch_batches(len(data), config.batch_size, step, *name)).tolist())
        captions = [data.caption(index, *name, step) for index in batch]
        # Captions are dropped now and then, so that guidance keeps an unconditional model to compare with.
        dropped = numpy_generator(*name, step, "dropped captions", context.world.rank).random(len(batch)) < config.caption_dropout
        tokens = tokenize(pipeline.tokenizer, ["" if drop else caption for caption, drop in zip(captions, dropped, strict=True)])
        with torch.no_grad():
            text = pipeline.text_encoder(tokens).last_hidden_state
        generator = torch_generator(*name, step, context.world.rank)
        return diffusion.flow_loss(pipeline.unet, latents[batch], text, generator)

    fit(pipeline.unet, loss_of_step, Schedule(config.num_steps, config.learning_rate), seed=name, world=context.world, checkpointing=checkpoints)
    artifact = context.keep(lambda folder: diffusion.save_finetuned(pipeline, config.method, folder))
    return Outputs(artifacts={"generator": artifact}, facts={"num_images": len(data), "num_steps": config.num_steps, "method": config.method})
