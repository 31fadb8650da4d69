"""The phases of a generation, by name and in their order."""

from collections.abc import Callable

from loopsim.store.integrity import PhaseKey

__all__ = ["MAKES_NEXT", "PHASE_NAMES", "PREPARE", "REPLICATED", "PhaseKey", "phase_names", "replica"]

PREPARE = "prepare"
PHASE_NAMES = (
    "compose", "train_clip", "train_captioner", "evaluate", "finetune", PREPARE, "generate", "commit",
)  # fmt: skip
# The last generation makes no data for a next one.
MAKES_NEXT = ("finetune", PREPARE, "generate")
# What a replicate of the baseline repeats, with another seed: all that is trained on D_0, and its evaluation.
REPLICATED = ("train_clip", "train_captioner", "finetune", "evaluate")


def replica(phase: str, replicate: int) -> str:
    """Return the name of a phase in a replicate of the baseline; the first, 0, is the loop's own."""
    return f"{phase}#{replicate}" if replicate else phase


def base_name(phase: str) -> str:
    """Return the name that a phase has in the loop itself."""
    return phase.partition("#")[0]


def phase_names(
    generation: int, generations: int, num_replicates: int, *, prepares: bool = False
) -> list[str]:
    """Return the phases that a generation of a run consists of, in order.

    Replicates belong to generation 0, and only if another generation follows to be compared with it.
    `prepares`: an intervention has to learn something before the next data is drawn.
    """
    if generation == generations:
        return [name for name in PHASE_NAMES if name not in MAKES_NEXT]
    own = [name for name in PHASE_NAMES if prepares or name != PREPARE]
    copies = [replica(name, r) for r in range(1, num_replicates) for name in REPLICATED]
    return [*own[:-1], *(copies if generation == 0 else []), own[-1]]


def all_phases(
    generations: int, num_replicates: int, prepares: Callable[[int], bool] = lambda generation: False
) -> list[PhaseKey]:
    """Return every phase of every generation of a run, in order; `prepares` says in which generations
    interventions learn.
    """
    return [
        (g, name)
        for g in range(generations + 1)
        for name in phase_names(g, generations, num_replicates, prepares=prepares(g))
    ]
