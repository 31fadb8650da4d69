"""The phases, in order: what each may read of the config, and whose results it stands on."""

from dataclasses import replace

from loopsim.config import ResolvedConfig
from loopsim.context.phase import Phase
from loopsim.context.phase_names import REPLICATED, PhaseKey, replica
from loopsim.interventions.base import Place
from loopsim.phases.commit import commit
from loopsim.phases.compose import compose
from loopsim.phases.evaluate import evaluate
from loopsim.phases.finetune import finetune
from loopsim.phases.generate import generate
from loopsim.phases.prepare import prepare
from loopsim.phases.train_captioner import train_captioner
from loopsim.phases.train_clip import train_clip

# Of what measures: the pinned models and the corpus. Where a generator draws: how it does.
RULERS = ("data", "classifier", "encoder")
DRAWING = ("generate", "generator")


def _previous(phase: str, start: str, generation: int) -> list[PhaseKey]:
    return [(generation - 1, phase)] if generation > 0 and start == "previous" else []


def _phases(replicate: int) -> tuple[Phase, ...]:
    """Return the phases of a generation (replicate 0), or those that a replicate of the baseline repeats."""

    def mine(generation: int, *names: str) -> list[PhaseKey]:
        return [(generation, replica(name, replicate)) for name in names]

    def of_compose(_: ResolvedConfig, g: int) -> list[PhaseKey]:
        return [(k, "generate") for k in range(g)]

    def of_train_clip(config: ResolvedConfig, g: int) -> list[PhaseKey]:
        return [(g, "compose"), *_previous("train_clip", config.clip.start, g)]

    def of_train_captioner(config: ResolvedConfig, g: int) -> list[PhaseKey]:
        before = _previous("train_captioner", config.captioner.start, g)
        return [(g, "compose"), *mine(g, "train_clip"), *before]

    def of_evaluate(_: ResolvedConfig, g: int) -> list[PhaseKey]:
        # The generator under test is the one that drew S_g; a replicate of the baseline tests its own SD_0.
        drew = mine(0, "finetune") if replicate else [(g - 1, "finetune")] if g > 0 else []
        return [(g, "compose"), *mine(g, "train_clip", "train_captioner"), *drew]

    def of_finetune(config: ResolvedConfig, g: int) -> list[PhaseKey]:
        return [(g, "compose"), *_previous("finetune", config.finetune.start, g)]

    def of_prepare(_: ResolvedConfig, g: int) -> list[PhaseKey]:
        return [(g, "compose"), (g, "finetune")]

    def of_generate(_: ResolvedConfig, g: int) -> list[PhaseKey]:
        return [(g, "compose"), (g, "train_clip"), (g, "train_captioner"), (g, "finetune")]

    def of_commit(_: ResolvedConfig, g: int) -> list[PhaseKey]:
        # Seals what stands in generation g. S_{g+1} belongs to the next one, so an extended run's seals equal
        # those of a run planned longer.
        return [(g, "evaluate")]

    phases = (
        Phase(
            "compose",
            3,
            compose,
            ("compose", "data"),
            of_compose,
            places=frozenset({Place.POOL}),
            if_acting=("classifier", "encoder"),
        ),
        Phase("train_clip", 1, train_clip, ("clip",), of_train_clip),
        Phase("train_captioner", 1, train_captioner, ("captioner",), of_train_captioner),
        Phase("evaluate", 4, evaluate, ("evaluate", "captioner", *RULERS, *DRAWING), of_evaluate),
        Phase("finetune", 2, finetune, ("finetune", *DRAWING), of_finetune),
        Phase(
            "prepare",
            1,
            prepare,
            ("compose", "finetune", *RULERS, *DRAWING),
            of_prepare,
            for_next=True,
            prepares=True,
        ),
        Phase(
            "generate",
            2,
            generate,
            ("compose", "captioner", *RULERS, *DRAWING),
            of_generate,
            places=frozenset(Place) - {Place.POOL},
            for_next=True,
        ),
        Phase("commit", 1, commit, (), of_commit),
    )
    if replicate == 0:
        return phases
    return tuple(
        replace(phase, name=replica(phase.name, replicate), replicate=replicate)
        for phase in phases
        if phase.name in REPLICATED
    )


def phases_of(config: ResolvedConfig) -> dict[str, Phase]:
    """Return every phase that a run of `config` has, by name; `phase_names` says which of them a generation
    consists of, and in which order.
    """
    found = [phase for replicate in range(config.evaluate.num_replicates) for phase in _phases(replicate)]
    return {phase.name: phase for phase in found}
