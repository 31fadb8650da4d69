"""The candidates of S_{g+1}, before they are drawn."""

from pathlib import Path

from loopsim.phases.candidates import plan_candidates
from loopsim.runs.resolve import resolve
from tests.helpers.loops import small_config


def test_competing_candidates_share_a_slot_and_differ_in_their_seed(tmp_path: Path) -> None:
    config = small_config("generate.curation=best_of_k", "generate.num_candidates=3")
    plan = plan_candidates(resolve(config, tmp_path), 0)
    assert len(plan) == 3 * 12
    assert len({candidate.seed for candidate in plan}) == len(plan)
    for group in range(12):
        mine = [candidate for candidate in plan if candidate.group == group]
        assert len(mine) == 3
        assert len({(candidate.slot, candidate.origin) for candidate in mine}) == 1
