"""prepare: interventions learn what they need before S_{g+1} is drawn. A generation in which none does has no
such phase.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from loopsim.context.context import PhaseContext
from loopsim.context.phase import Outputs
from loopsim.context.workshop import PhaseWorkshop
from loopsim.core.events import Fact


def prepare(context: PhaseContext) -> Outputs:
    """Keep what each intervention learned as an artifact of its own."""
    learned: dict[str, str] = {}
    facts: dict[str, Fact] = {}
    for acting in context.acting:
        found = acting.intervention.prepare(PhaseWorkshop(context, acting))
        learned[acting.label] = context.keep_artifact(partial(_fill, write=found.write))
        facts |= {f"{acting.label}.{name}": fact for name, fact in found.facts.items()}
    return Outputs(artifacts=learned, facts=facts)


def _fill(folder: Path, write: Callable[[Path], None]) -> None:
    folder.mkdir()
    write(folder)
