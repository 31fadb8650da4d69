"""The captions of S_{g+1}: real ones, and those that captioner_g writes about what stands in D_g."""

from collections.abc import Sequence

import numpy as np

from loopsim.context.context import PhaseContext
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.models.captioners.decoding import Decoding
from loopsim.phases.candidates import Planned
from loopsim.phases.policies.policy import POLICIES


def write_captions(context: PhaseContext, plan: Sequence[Planned]) -> list[str]:
    """Return each candidate's caption: one of its slot's real picture, or captioner_g's words about what
    stands in D_g for it. It is also the prompt, unless an intervention rewrites that.
    """
    config, generation = context.config, context.generation
    draw = POLICIES.get(config.compose.policy).real_draw(generation)
    drawn_in = generation if config.generate.fresh_seeds else 0
    captions = [""] * len(plan)
    groups: dict[
        int, list[int]
    ] = {}  # the D_g picture that the captioner describes -> its candidates' indices
    for index, candidate in enumerate(plan):
        if candidate.origin == "captioner":
            groups.setdefault(candidate.group, []).append(index)
        else:
            real = context.corpus.train_record(candidate.slot, draw).captions
            rng = numpy_generator(config.seed, drawn_in, "generate", "caption", candidate.group)
            captions[index] = real[int(rng.integers(len(real)))]
    if groups:
        for indices, text in zip(groups.values(), _written(context, list(groups)), strict=True):
            for index in indices:
                captions[index] = text
    return captions


def _written(context: PhaseContext, groups: Sequence[int]) -> list[str]:
    """Return what captioner_g writes about the D_g picture of each group."""
    config, generation = context.config, context.generation
    data, captioner = context.training_set(), context.models.captioner(generation)
    pictures = data.select(np.array([group % len(data) for group in groups]))
    seeds = [seed_for(config.seed, generation, "generate", "written caption", group) for group in groups]
    settings = config.generate
    how = Decoding(
        settings.caption_temperature,
        settings.caption_top_p,
        config.captioner.num_beams,
        config.captioner.max_tokens,
    )
    clip = context.models.clip(generation) if captioner.reads_features else None
    written: list[str] = []
    for batch in pictures.batches():
        inputs = captioner.pixels(batch) if clip is None else clip.encode_images(batch)
        written += captioner.write(inputs, seeds[len(written) : len(written) + len(batch)], how)
    return written
