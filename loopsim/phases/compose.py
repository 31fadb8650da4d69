"""compose: decide what D_g is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loopsim.config import ComposeConfig
from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.context.training_set import kept_samples
from loopsim.context.workshop import PinnedRulers
from loopsim.core.errors import DataError
from loopsim.core.events import Fact
from loopsim.core.rng import numpy_generator
from loopsim.interventions.base import OpenedPool, Place
from loopsim.interventions.registry import Acting
from loopsim.phases.policies.policy import POLICIES, Source, slots_of
from loopsim.store.rows import DatasetRow
from loopsim.store.store import Store


def num_needed(config: ComposeConfig, num_slots: int, generation: int, seed: int) -> int:
    """Return how many kept samples S_g must have for D_g."""
    return POLICIES.get(config.policy).num_needed(slots_of(config, num_slots, generation, seed))


def select_sources(
    config: ComposeConfig, num_slots: int, generation: int, kept: Mapping[int, Sequence[int]], seed: int
) -> list[Source]:
    """Return D_g, position by position; `kept[k]` lists S_k's kept candidates."""
    slots = slots_of(config, num_slots, generation, seed)
    return POLICIES.get(config.policy).select(slots, kept) if generation else slots.real()


def compose(context: PhaseContext) -> Outputs:
    """Store one row for each position of D_g."""
    config, generation = context.config, context.generation
    first = POLICIES.get(config.compose.policy).first_used(generation)

    def kept(store: Store) -> dict[int, list[int]]:
        return {k: kept_samples(store, k) for k in range(first, generation + 1)}

    num_slots = config.data.counts()["train"]
    sources = select_sources(config.compose, num_slots, generation, context.read(kept), config.seed)
    rows = [
        DatasetRow(generation, position, source.made_for, source.index, source.slot)
        for position, source in enumerate(sources)
    ]
    if not rows:
        raise DataError(
            f"generation {generation} has nothing to train on: none of S_{generation}'s candidates was kept, "
            f"and compose.policy = {config.compose.policy!r} takes no real pictures; make what selects less "
            "strict (loopsim fork), or let it draw more"
        )
    facts: dict[str, Fact] = {}
    for acting in context.acting_at(Place.POOL):
        rows, told = _chosen(context, acting, rows)
        facts |= told
    num_real = sum(row.is_real for row in rows)
    counts = {"num_images": len(rows), "num_real": num_real, "num_synthetic": len(rows) - num_real}
    return Outputs(rows, facts=counts | facts)


def _chosen(
    context: PhaseContext, acting: Acting, rows: Sequence[DatasetRow]
) -> tuple[list[DatasetRow], dict[str, Fact]]:
    """Return what an intervention chooses of a pool, and what there is to tell about it."""
    pool, intervention = context.pool(rows), acting.intervention
    rng = numpy_generator(context.config.seed, context.generation, "compose", acting.label)
    rulers = PinnedRulers(context)
    chosen = intervention.choose(pool, rng, rulers)
    if not chosen:
        raise DataError(
            f"{acting.label} chose none of the {len(pool)} pictures of generation {context.generation}'s "
            "pool: nothing is left to train on; make it less strict"
        )
    groups = [pool.groups(position) for position in range(len(pool))]
    opened = OpenedPool(pool, [row.is_real for row in rows], groups)
    told = intervention.told_of_pool(opened, chosen, rulers)
    return (
        [replace(rows[number], position=position) for position, number in enumerate(chosen)],
        {f"{acting.label}.{name}": fact for name, fact in told.items()},
    )
