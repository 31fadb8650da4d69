"""The phases of a generation, in order. Each is one function PhaseContext -> Outputs."""

import dataclasses
from typing import Any

from loopsim.config import Config
from loopsim.context.phase import REPLICATED, Phase, PhaseKey, replica
from loopsim.phases.commit import commit
from loopsim.phases.compose import compose
from loopsim.phases.evaluate import evaluate
from loopsim.phases.finetune import finetune
from loopsim.phases.generate import generate
from loopsim.phases.train_captioner import train_captioner
from loopsim.phases.train_clip import train_clip


def _sections(*names: str) -> Any:
    """Return a `settings` function that gives whole sections of the config."""
    return lambda config, generation: {
        name: _data(config) if name == "data" else getattr(config, name).model_dump(mode="json")
        for name in names
    }


def _data(config: Config) -> Any:
    # Where the manifest lies decides nothing; what is in it is a part of every fingerprint.
    return config.data.model_dump(mode="json", exclude={"manifest", "expected"})


def _compose_settings(config: Config, generation: int) -> Any:
    # Only this generation's α counts: a schedule may be extended along with the run.
    settings = config.compose.model_dump(mode="json") | {"alpha": config.compose.alpha_at(max(generation, 1))}
    return {"compose": settings, "data": _data(config)}


def _generate_settings(config: Config, generation: int) -> Any:
    return _compose_settings(config, generation + 1) | {"generate": config.generate.model_dump(mode="json")}


def _previous(phase: str, config: Config, generation: int, section: str) -> list[PhaseKey]:
    return (
        [(generation - 1, phase)] if generation > 0 and getattr(config, section).start == "previous" else []
    )


def _phases(replicate: int) -> tuple[Phase, ...]:
    """Return the phases of a generation (replicate 0), or those that a replicate of the baseline repeats."""

    def mine(generation: int, *names: str) -> list[PhaseKey]:
        return [(generation, replica(name, replicate)) for name in names]

    def evaluate_inputs(_: Config, g: int) -> list[PhaseKey]:
        # The generator under test is the one that drew S_g; a replicate of the baseline tests its own SD_0.
        drew = mine(0, "finetune") if replicate else [(g - 1, "finetune")] if g > 0 else []
        return [(g, "compose"), *mine(g, "train_clip", "train_captioner"), *drew]

    phases = (
        Phase(
            "compose", 2, compose, _compose_settings, lambda config, g: [(k, "generate") for k in range(g)]
        ),
        Phase(
            "train_clip",
            1,
            train_clip,
            _sections("clip"),
            lambda config, g: [(g, "compose"), *_previous("train_clip", config, g, "clip")],
        ),
        Phase(
            "train_captioner",
            1,
            train_captioner,
            _sections("captioner"),
            lambda config, g: [
                (g, "compose"),
                *mine(g, "train_clip"),
                *_previous("train_captioner", config, g, "captioner"),
            ],
        ),
        Phase("evaluate", 2, evaluate, _sections("evaluate", "data", "generate"), evaluate_inputs),
        Phase(
            "finetune",
            2,
            finetune,
            _sections("finetune"),
            lambda config, g: [(g, "compose"), *_previous("finetune", config, g, "finetune")],
        ),
        Phase(
            "generate",
            1,
            generate,
            _generate_settings,
            lambda config, g: [(g, "compose"), (g, "train_clip"), (g, "train_captioner"), (g, "finetune")],
        ),
        # Seals what stands in generation g. S_{g+1} belongs to the next one, so an extended run's seals equal
        # those of a run planned longer.
        Phase("commit", 1, commit, _sections(), lambda config, g: [(g, "evaluate")]),
    )
    if replicate == 0:
        return phases
    return tuple(
        dataclasses.replace(p, name=replica(p.name, replicate), replicate=replicate)
        for p in phases
        if p.name in REPLICATED
    )


def phases_of(config: Config) -> tuple[Phase, ...]:
    """Return every phase that a run of `config` has; `phase_names` says which of them a generation consists
    of, and in which order.
    """
    return tuple(phase for replicate in range(config.evaluate.num_replicates) for phase in _phases(replicate))
