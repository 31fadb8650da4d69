"""Which phases a run consists of: those of its config, and, of a fork, what the run was before."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from loopsim.config import InterventionConfig, ResolvedConfig
from loopsim.context.phase_names import PhaseKey, all_phases, phase_names
from loopsim.core.errors import CorruptRun
from loopsim.interventions.registry import prepares
from loopsim.store.rows import PastEntry


def prepares_in(config: ResolvedConfig, past: Sequence[PastEntry], generation: int) -> bool:
    """Return whether a generation has a phase in which interventions learn something, for the next one's
    data.
    """
    before = next((entry for entry in past if generation + 1 < entry.until), None)
    entries = config.interventions if before is None else entries_of(before.config)
    return prepares(entries, generation + 1)


def entries_of(tree: Mapping[str, Any]) -> tuple[InterventionConfig, ...]:
    """Return the interventions of a config that is kept as JSON. Raises CorruptRun if they are none."""
    try:
        return TypeAdapter(tuple[InterventionConfig, ...]).validate_python(tree.get("interventions", ()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CorruptRun(
            f"its interventions cannot be read ({first['msg']}); `loopsim verify` says what is wrong"
        ) from error


def names_of(config: ResolvedConfig, past: Sequence[PastEntry], generation: int) -> list[str]:
    """Return the names of a generation's phases, in order."""
    return phase_names(
        generation,
        config.generations,
        config.evaluate.num_replicates,
        prepares=prepares_in(config, past, generation),
    )


def planned_phases(config: ResolvedConfig, past: Sequence[PastEntry]) -> list[PhaseKey]:
    """Return every phase of every generation of a run, in order."""
    return all_phases(
        config.generations,
        config.evaluate.num_replicates,
        lambda generation: prepares_in(config, past, generation),
    )
