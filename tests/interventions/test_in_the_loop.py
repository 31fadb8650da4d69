"""Interventions in a whole loop: of strength 0 they leave it bit for bit as it is, they act where they
should, they enter just the fingerprints that they touch, and a loop that is killed ends the same.
"""

from pathlib import Path

import numpy as np
import pytest

from loopsim.config import Config, with_values
from loopsim.core import faults
from loopsim.store.rows import PhaseRow, SampleRow
from loopsim.store.store import Store
from tests.helpers.loops import resume_run, small_config, start_run
from tests.helpers.rows import curation_of, finished_phases, samples_of

NOTHING = [
    {"kind": "random_attribute", "share": 0.0},
    {"kind": "latent_offset", "omega": 0.0},
    {"kind": "guidance_schedule", "values": [2.0]},
]
SOMETHING = [
    {"kind": "quota", "attribute": "gender", "overdraw": 1.5},
    {"kind": "random_attribute", "share": 0.7},
    {"kind": "latent_offset", "omega": 4.0},
    {"kind": "guidance_schedule", "values": [2.0, 3.0]},
]
FAST = ["generations=2", "evaluate.num_replicates=1", 'evaluate.metrics=["representation"]']


def config(*interventions: dict) -> Config:
    return with_values(small_config(*FAST), {"interventions": list(interventions)})


def results(directory: Path) -> list[PhaseRow]:
    return [row for _, row in sorted(finished_phases(directory).items())]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("without") / "run"
    start_run(directory, config())
    return directory


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("acting") / "run"
    return directory, start_run(directory, config(*SOMETHING))


@pytest.mark.slow
def test_strength_zero_is_bit_for_bit_the_loop_without(without: Path, tmp_path: Path) -> None:
    start_run(tmp_path / "run", config(*NOTHING))
    for one, other in zip(results(without), results(tmp_path / "run"), strict=True):
        assert (one.artifacts, one.facts, one.seal) == (other.artifacts, other.facts, other.seal)
    differing = {
        place
        for place, row in finished_phases(without).items()
        if row.fingerprint != finished_phases(tmp_path / "run")[place].fingerprint
    }
    # generate is the first that interventions touch; what stands on S_1 differs after it, generation 0 not.
    assert (0, "generate") in differing
    assert {place for place in differing if place[0] == 0} == {(0, "generate")}


@pytest.mark.slow
def test_each_acts_where_it_should(without: Path, acting: tuple[Path, str]) -> None:
    directory, _ = acting
    rows, plain = samples_of(directory, 1), samples_of(without, 1)
    assert len(rows) == 18 > len(plain) == 15  # quota draws half as many again as it keeps
    rewritten = [row for row in rows if row.prompt != row.caption]
    assert 0 < len(rewritten) < len(rows)
    assert [row.caption for row in rows[:15]] == [row.caption for row in plain]
    assert {row.reason for row in curation_of(directory, 1)} == {"chosen by quota", "not chosen by quota"}
    assert sum(row.kept for row in curation_of(directory, 1)) == 12
    facts = finished_phases(directory)[0, "generate"].facts
    assert "quota[0].unfilled" in facts
    assert rows[0].picture != plain[0].picture  # its noise was moved


@pytest.mark.slow
def test_a_schedule_of_guidance_changes_its_own_generation_only(without: Path, tmp_path: Path) -> None:
    start_run(tmp_path / "run", config({"kind": "guidance_schedule", "values": [2.0, 4.0]}))
    same = [[row.picture for row in samples_of(d, 1)] for d in (without, tmp_path / "run")]
    assert same[0] == same[1]
    other = [[row.picture for row in samples_of(d, 2)] for d in (without, tmp_path / "run")]
    assert other[0] != other[1]
    with Store(tmp_path / "run" / "state.lmdb", readonly=True) as store:
        assert np.mean([row.prompt == row.caption for row in store.scan(SampleRow)]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["batch.before:2", "sample.batch:1", "store.commit.after:6", "phase.finish:6"]
)
def test_a_killed_loop_with_all_of_them_ends_the_same(
    acting: tuple[Path, str], tmp_path: Path, point: str
) -> None:
    class Died(BaseException):
        pass

    name, _, count = point.partition(":")

    def die(reached: str, n: int) -> None:
        if reached == name and n == int(count):
            raise Died

    faults.install(die)
    try:
        with pytest.raises(Died):
            start_run(tmp_path / "run", config(*SOMETHING))
    finally:
        faults.install(None)
    assert resume_run(tmp_path / "run") == acting[1]
