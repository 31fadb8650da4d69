"""The phases of a generation."""

from loopsim.context.phase_names import MAKES_NEXT, PHASE_NAMES, phase_names
from loopsim.phases.registry import phases_of
from tests.helpers.loops import small_config


def test_the_phases_are_those_that_their_names_say() -> None:
    phases = phases_of(small_config("evaluate.num_replicates=3"))
    assert (
        set(phases) == {phase.name for phase in phases.values()} == set(phase_names(0, 1, 3, prepares=True))
    )
    assert phase_names(1, 1, 3) == [name for name in PHASE_NAMES if name not in MAKES_NEXT]
    assert "prepare" not in phase_names(0, 1, 3)
