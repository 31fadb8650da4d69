"""The candidates of S_{g+1}: how many, which slot each answers, and who writes its caption."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

from loopsim.config import GenerateConfig, ResolvedConfig
from loopsim.core.rng import numpy_generator, seed_for
from loopsim.interventions.base import Intervention
from loopsim.phases.compose import num_needed
from loopsim.phases.curations.curation import CURATIONS
from loopsim.phases.policies.policy import slot_order


@final
@dataclass(frozen=True)
class Planned:
    """One candidate before its caption: `group` holds those that compete, `origin` says who writes its
    caption.
    """

    index: int
    slot: int
    group: int
    origin: Literal["original", "captioner"]
    seed: int


def num_kept(config: ResolvedConfig, generation: int) -> int:
    """Return how many samples S_{g+1} shall have, g = `generation`."""
    if config.generate.num_samples is not None:
        return config.generate.num_samples
    return num_needed(config.compose, config.data.counts()["train"], generation + 1, config.seed)


def captioner_share(config: GenerateConfig) -> float:
    """Return the share of captions that captioner_g writes."""
    return {"original": 0.0, "captioner": 1.0, "mixed": config.captioner_share}[config.prompts]


def num_candidates(config: GenerateConfig, kept: int, selecting: Sequence[Intervention] = ()) -> int:
    """Return how many pictures are drawn so that `kept` can be kept: what curation or the interventions want,
    the more.
    """
    wanted = CURATIONS.get(config.curation).num_candidates(config, kept)
    return max([wanted, *pool_sizes(kept, selecting)])


def pool_sizes(kept: int, selecting: Sequence[Intervention]) -> list[int]:
    """Return how many candidates each intervention wants: as many as the next one can choose its own from,
    the last one `kept`.
    """
    sizes: list[int] = []
    for intervention in reversed(selecting):
        sizes.insert(0, intervention.pool_size(sizes[0] if sizes else kept))
    return sizes


def plan_candidates(
    config: ResolvedConfig, generation: int, selecting: Sequence[Intervention] = ()
) -> list[Planned]:
    """Return every candidate; `selecting` are the interventions that select among them."""
    settings, curation = config.generate, CURATIONS.get(config.generate.curation)
    order = slot_order(config.data.counts()["train"], config.seed)
    copies = max([curation.copies(settings), *(intervention.copies() for intervention in selecting)])
    share = captioner_share(settings)
    drawn_in = generation if settings.fresh_seeds else 0
    number = num_candidates(settings, num_kept(config, generation), selecting)
    plan = []
    for index in range(number):
        group = index // copies
        # The origin is drawn per group: competing candidates answer the same prompt.
        from_captioner = numpy_generator(config.seed, drawn_in, "generate", "origin", group).random() < share
        plan.append(
            Planned(
                index,
                slot=order[group % len(order)],
                group=group,
                origin="captioner" if from_captioner else "original",
                seed=seed_for(config.seed, drawn_in, "generate", index),
            )
        )
    return plan
