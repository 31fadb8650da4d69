"""finetune: Stable Diffusion on D_g."""

from loopsim.context.context import PhaseContext
from loopsim.context.denoiser_training import train_denoiser
from loopsim.context.phase import Outputs
from loopsim.models.base_weights import seed_weights
from loopsim.models.diffusion.finetuning import make_trainable, save_finetuned


def finetune(context: PhaseContext) -> Outputs:
    """Train LoRA adapters or the whole denoiser."""
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
    train_denoiser(context, model, data, name=name, num_steps=num_steps)
    artifact = context.keep_artifact(lambda folder: save_finetuned(model, config.method, folder))
    facts = {"num_images": len(data), "num_steps": num_steps, "method": config.method}
    return Outputs(artifacts={"generator": artifact}, facts=facts)
