"""Provenance: what says that it is synthetic stays out of D_g, if its metadata came through."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from loopsim.config import Config, with_values
from loopsim.core.errors import DataError
from loopsim.interventions.base import OpenedPool
from loopsim.interventions.provenance import Provenance
from tests.helpers.loops import small_config, start_run
from tests.helpers.rows import dataset_of, finished_phases, samples_of

SHORT = ["evaluate.num_replicates=1", 'evaluate.metrics=["representation"]']


def config(*overrides: str, **settings: float) -> Config:
    entry = {"kind": "provenance", **settings}
    return with_values(small_config(*SHORT, *overrides), {"interventions": [entry]})


def test_it_takes_what_is_signed_and_not_stripped() -> None:
    half, strict = Provenance(signed=0.8, stripped=0.5), Provenance()
    found = [half.carries(seed) for seed in range(1000)]
    assert sum(found) / 1000 == pytest.approx(0.4, abs=0.05)
    assert found == [half.carries(seed) for seed in range(1000)]
    assert all(strict.carries(seed) for seed in range(50))
    assert not strict.carries(None)
    # Who strips more, strips the same pictures and others.
    more = [Provenance(signed=0.8, stripped=0.75).carries(seed) for seed in range(1000)]
    assert all(before or not after for before, after in zip(found, more, strict=True))
    assert not Provenance(signed=0).acts()
    assert not Provenance(stripped=1).acts()


class Pool:
    """A real picture, then two drawn ones."""

    def __len__(self) -> int:
        return 3

    def signature(self, position: int) -> int | None:
        return None if position == 0 else position


class Labels:
    def labels(self, pictures: Pool) -> Sequence[dict[str, str]]:
        return [{"gender": "man"}, {"gender": "man"}, {"gender": "woman"}]


def test_whom_it_cost_is_told() -> None:
    filter_ = Provenance(attributes=("gender",))
    chosen = filter_.choose(Pool(), None, Labels())
    assert chosen == [0]
    told = filter_.told_of_pool(OpenedPool(Pool(), [True, False, False], [{}] * 3), chosen, Labels())
    assert (told["precision"], told["synthetic dropped"], told["real dropped"]) == (1, 1, 0)
    assert told["synthetic dropped woman"] == 1
    assert told["share before man"] == pytest.approx(2 / 3)
    assert told["share after man"] == 1


@pytest.mark.slow
def test_in_a_loop_it_leaves_what_lost_its_metadata(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    start_run(directory, config(stripped=0.5))
    facts = finished_phases(directory)
    for generation in (1, 2):
        rows = dataset_of(directory, generation)
        synthetic = [row for row in rows if not row.is_real]
        seeds = {(row.generation, row.index): row.seed for g in (1, 2) for row in samples_of(directory, g)}
        assert not any(Provenance(stripped=0.5).carries(seeds[row.made_for, row.index]) for row in synthetic)
        assert [row.position for row in rows] == list(range(len(rows)))
        assert facts[generation, "compose"].facts["provenance[0].real dropped"] == 0
    assert any(facts[g, "compose"].facts["provenance[0].synthetic dropped"] for g in (1, 2))


@pytest.mark.slow
def test_a_pool_of_nothing_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"provenance\[0\] chose none of the 24 pictures"):
        start_run(tmp_path / "run", config('compose.policy="replace"'))
