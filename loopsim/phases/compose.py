"""compose: decide what D_g is made of."""

from collections.abc import Mapping, Sequence

import numpy as np

from loopsim.config import ComposeConfig
from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.context.training_set import kept_samples
from loopsim.core.rng import numpy_generator
from loopsim.store.keys import Table, key
from loopsim.store.store import Record, Store

Source = dict[str, str | int]


def slot_draws(num_slots: int, seed: int) -> np.ndarray:
    """Return u [num_slots], one uniform draw a slot for the whole run: it does not depend on α, so replaced
    sets are nested as α grows.
    """
    return numpy_generator(seed, "compose", "slots").random(num_slots)


def slot_order(num_slots: int, seed: int) -> list[int]:
    """Return the slots in the order in which they are replaced by generated images."""
    return np.argsort(slot_draws(num_slots, seed), kind="stable").tolist()


def num_replaced(config: ComposeConfig, num_slots: int, generation: int, seed: int) -> int:
    """Return how many of the slots hold a generated image in D_g under `substitute` and `fresh_real`: an
    exact share, or a draw a slot.
    """
    alpha = config.alpha_at(generation)
    if config.draw == "exact":
        return round(alpha * num_slots)
    return int((slot_draws(num_slots, seed) < alpha).sum())


def num_needed(config: ComposeConfig, num_slots: int, generation: int, seed: int) -> int:
    """Return how many kept samples S_g must have for D_g."""
    if config.policy in ("substitute", "fresh_real"):
        return num_replaced(config, num_slots, generation, seed)
    return num_slots


def select_sources(
    config: ComposeConfig, num_slots: int, generation: int, kept: Mapping[int, Sequence[int]], seed: int
) -> list[Source]:
    """Return D_g, position by position: a real record's key, or the generation and index of a kept sample.

    `kept[k]` lists S_k's kept candidates, for k = 1 … g. Position j of a `substitute` set is slot
    `slot_order[j]`: generated first, real after.
    """
    order = slot_order(num_slots, seed)
    draw = generation if config.policy == "fresh_real" else 0
    real: list[Source] = [{"source": "real", "key": f"train/{draw}/{slot}", "slot": slot} for slot in order]
    if generation == 0:
        return real

    def synthetic(k: int) -> list[Source]:
        return [{"source": "synthetic", "generation": k, "index": index} for index in kept[k]]

    match config.policy:
        case "substitute" | "fresh_real":
            generated = synthetic(generation)[: num_replaced(config, num_slots, generation, seed)]
            return generated + real[len(generated) :]
        case "replace":
            return synthetic(generation)
        case "accumulate" | "accumulate_subsample":
            union = real + [source for k in range(1, generation + 1) for source in synthetic(k)]
            if config.policy == "accumulate":
                return union
            chosen = numpy_generator(seed, "compose", "subsample", generation).choice(
                len(union), num_slots, replace=False
            )
            return [union[i] for i in sorted(chosen)]


def compose(context: PhaseContext) -> Outputs:
    """Store one row for each position of D_g."""
    config, generation = context.config, context.generation
    kept = context.read(lambda store: _kept(store, config.compose, generation))
    sources = select_sources(config.compose, config.data.counts()["train"], generation, kept, config.seed)
    rows = [
        (key(Table.DATASET, generation, position), Record(dict(source)))
        for position, source in enumerate(sources)
    ]
    num_real = sum(source["source"] == "real" for source in sources)
    return Outputs(
        rows,
        facts={"num_images": len(sources), "num_real": num_real, "num_synthetic": len(sources) - num_real},
    )


def _kept(store: Store, config: ComposeConfig, generation: int) -> dict[int, list[int]]:
    # Only what the policy uses is read: a generation's time must not grow with those before it.
    first = 1 if config.policy in ("accumulate", "accumulate_subsample") else max(1, generation)
    return {k: kept_samples(store, k) for k in range(first, generation + 1)}
