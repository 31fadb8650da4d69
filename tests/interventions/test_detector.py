"""The detector: what it drops of a pool whose origin it does not see, what it tells, and that its loop ends
the same however it is interrupted.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loopsim.config import Config, with_values
from loopsim.core.errors import ConfigError
from loopsim.core.events import Event, PhaseEnded, PhaseStarted
from loopsim.interventions.base import OpenedPool
from loopsim.interventions.detector import Detector, drawn_by_weight, log_weights
from loopsim.interventions.picture_sets import Augmented, some_of
from loopsim.loop import run_loop
from loopsim.models.synthetic_detector import SyntheticDetector
from loopsim.runs.catalog import run_state
from loopsim.runs.open import open_or_create
from loopsim.runs.resolve import resolve
from tests.helpers.command_line import in_two_processes, loopsim_here
from tests.helpers.faults import on_faults
from tests.helpers.loops import resume_run, small_arguments, small_config, start_run
from tests.helpers.rows import dataset_of, finished_phases

SHORT = [
    "generations=2", "evaluate.num_replicates=1", 'evaluate.metrics=["representation"]',
    "generate.curation=none",
]  # fmt: skip
HARD = {"kind": "detector", "fpr": 0.3, "num_steps": 50, "learning_rate": 0.05}
SOFT = {"kind": "detector", "filter": "soft", "size": 0.5, "num_steps": 50}


WRITES = [
    ("prepare 1", "artifact.write"),
    ("prepare 1", "phase.finish"),
    ("compose 2", "phase.finish"),
]


class Died(BaseException):
    pass


class Points:
    """Pictures of one pixel each, whose brightness is their feature."""

    def __init__(self, values: Sequence[int]) -> None:
        self.values = list(values)

    def __len__(self) -> int:
        return len(self.values)

    def captions(self, position: int) -> Sequence[str]:
        return ("",)

    def images(self, positions: Sequence[int]) -> torch.Tensor:
        values = torch.tensor([self.values[i] for i in positions], dtype=torch.uint8)
        return values[:, None, None, None].expand(-1, 1, 1, 3)

    def select(self, positions: Sequence[int]) -> "Points":
        return Points([self.values[i] for i in positions])


class Brightness:
    """Rulers that see how bright a picture is, and nobody in it."""

    def features(self, pictures: Points, encoder: object = None) -> torch.Tensor:
        return torch.tensor(pictures.values)[:, None].float()

    def labels(self, pictures: Points) -> list[dict[str, str]]:
        return [
            {"gender": "woman" if value % 2 else "man", "skin_tone": "darker"} for value in pictures.values
        ]


def fitted(folder: Path, threshold: float, num: int = 0, **settings: object) -> Detector:
    folder.mkdir(exist_ok=True)
    SyntheticDetector(torch.ones(5, 1), torch.zeros(5), np.full(5, threshold)).save(folder)
    (folder / "about.json").write_text(json.dumps({"num": num, "trained": True}))
    return Detector(**settings).with_prepared(folder)


def config(*interventions: dict) -> Config:
    return with_values(small_config(*SHORT), {"interventions": list(interventions)})


def test_a_hard_filter_drops_what_is_above_its_threshold(tmp_path: Path) -> None:
    pool, detector = Points([5, 1, 20, 4, 30]), fitted(tmp_path / "d", 5.0)
    assert detector.choose(pool, np.random.default_rng(0), Brightness()) == [0, 1, 3]
    order = [4, 2, 0, 1, 3]
    again = detector.choose(pool.select(order), np.random.default_rng(0), Brightness())
    assert sorted(order[i] for i in again) == [0, 1, 3]  # whatever the order: it sees pictures alone


def test_a_soft_filter_draws_by_its_weights(tmp_path: Path) -> None:
    values = [0, 1, 2, 3]
    detector = fitted(tmp_path / "d", 0.0, 1, filter="soft", power=2.0, temperature=2.0)
    drawn = [
        detector.choose(Points(values), np.random.default_rng(seed), Brightness()) for seed in range(4000)
    ]
    assert {len(one) for one in drawn} == {1}
    weights = (1 - 1 / (1 + np.exp(-np.array(values) / 2))) ** 2
    found = np.bincount([one[0] for one in drawn], minlength=4) / 4000
    assert found == pytest.approx(weights / weights.sum(), abs=0.03)
    # The temperature is on the logits: a large one forgets them, and every picture is drawn as often.
    blind = log_weights(np.array(values, float), 10.0, 1e9)
    counts = np.bincount([drawn_by_weight(blind, 1, np.random.default_rng(seed))[0] for seed in range(4000)])
    assert counts / 4000 == pytest.approx(np.full(4, 0.25), abs=0.03)


def test_without_replacement_as_a_slow_draw_does() -> None:
    weights, num = np.array([0.6, 0.3, 0.1]), 20_000
    rng = np.random.default_rng(0)
    slow = np.bincount([min({0, 1, 2} - set(rng.choice(3, 2, False, weights))) for _ in range(num)]) / num
    left = [
        min({0, 1, 2} - set(drawn_by_weight(np.log(weights), 2, np.random.default_rng(seed))))
        for seed in range(num)
    ]
    assert np.bincount(left, minlength=3) / num == pytest.approx(slow, abs=0.02)


@given(num=st.integers(1, 12), size=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_draw_is_of_different_ones_and_of_all_if_there_are_no_more(num: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = drawn_by_weight(log_weights(rng.normal(size=size) * 500, 10.0, 1.0), num, rng)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(num, size)


def test_before_there_is_something_to_learn_from_all_are_kept(tmp_path: Path) -> None:
    (tmp_path / "about.json").write_text('{"num": 1, "trained": false}')
    pool = Points([1, 2])
    assert Detector().with_prepared(tmp_path).choose(pool, np.random.default_rng(0), Brightness()) == [0, 1]
    assert not Detector(filter="none").prepares()


def test_what_it_did_is_told_once_origins_are_open(tmp_path: Path) -> None:
    pool = OpenedPool(Points([0, 1, 3, 2, 4]), [True, True, True, False, False], [{}] * 5)
    facts = fitted(tmp_path / "d", 2.0).told_of_pool(pool, [0, 1, 3], Brightness())
    assert facts["precision"] == 0.5
    assert facts["synthetic dropped"] == 0.5
    assert facts["real dropped"] == pytest.approx(1 / 3)
    assert facts["real dropped woman"] == 0.5
    assert 0 < facts["real dropped woman low"] < 0.5 < facts["real dropped woman high"] < 1
    assert facts["pool auc"] == pytest.approx((2 + 3) / 6)
    assert (facts["share before woman"], facts["share after woman"]) == pytest.approx((2 / 5, 1 / 3))
    soft = fitted(tmp_path / "d", 2.0, 9, filter="soft").told_of_pool(pool, [0, 1, 3], Brightness())
    assert soft["shortfall"] == 6


def test_weathered_pictures_are_the_same_each_time() -> None:
    class Patterns(Points):
        def images(self, positions: Sequence[int]) -> torch.Tensor:
            one = torch.arange(192, dtype=torch.uint8).view(1, 8, 8, 3)
            return one.repeat(len(positions), 1, 1, 1)

    pictures = Patterns(range(6))
    seen = Augmented(pictures, 1.0, (1, "view"))
    assert torch.equal(seen.images(range(6)), seen.images(range(6)))
    assert torch.equal(seen.images([4, 2]), seen.images(range(6))[[4, 2]])
    assert len({tuple(image.flatten().tolist()) for image in seen.images(range(6))}) > 3
    assert torch.equal(Augmented(pictures, 0.0, (1,)).images([0]), pictures.images([0]))


@given(sizes=st.lists(st.integers(0, 5), max_size=4), num=st.integers(1, 12))
def test_some_of_several_sets(sizes: list[int], num: int) -> None:
    sets = [Points([10 * number + i for i in range(size)]) for number, size in enumerate(sizes)]
    found = [value for one in some_of(sets, num, 1) for value in one.values]
    everything = [value for one in sets for value in one.values]
    assert len(found) == min(num, len(everything))
    assert [value for value in everything if value in found] == found
    assert all(len(one) for one in some_of(sets, num, 1))


@pytest.mark.parametrize(
    "entry",
    [{"filter": "strict"}, {"fpr": 0.0}, {"fpr": 1.0}, {"temperature": 0}, {"size": 0}, {"num_folds": 1}],
)
def test_settings_that_cannot_be_are_told(entry: dict, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"interventions\[0\]\.{next(iter(entry))}: "):
        resolve(config({"kind": "detector", **entry}), tmp_path)


@pytest.mark.slow
def test_filters_in_a_loop_and_killed_wherever_they_write(tmp_path: Path) -> None:
    where, points = [""], dict[tuple[str, str], int]()

    def follow(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            where[0] = f"{event.phase} {event.generation}"
        elif isinstance(event, PhaseEnded):
            where[0] = ""

    def note(point: str, n: int) -> None:
        points[where[0], point] = n

    both = config(HARD, SOFT)
    with on_faults(note), open_or_create(tmp_path / "run", both, emit=follow) as run:
        run_loop(run)
        digest = run.reader.digest()
    phases = finished_phases(tmp_path / "run")
    assert phases[0, "prepare"].facts["detector[0].trained"] == 0
    learned = phases[1, "prepare"].facts
    assert (learned["detector[0].num_real"], learned["detector[0].num_synthetic"]) == (24, 12)
    assert 0 <= learned["detector[0].held-out auc"] <= 1
    assert 0 < learned["detector[0].held-out fpr high"] <= 1
    told = phases[2, "compose"].facts
    assert len(dataset_of(tmp_path / "run", 2)) == 12 - told["detector[1].shortfall"]
    assert told["detector[0].share before woman"] == pytest.approx(1 - told["detector[0].share before man"])
    shown = loopsim_here("report", str(tmp_path / "run")).stdout
    assert "real dropped woman" in shown
    assert max(map(len, shown.splitlines())) <= 80
    for phase, point in [
        ("prepare 1", "artifact.write"),
        ("prepare 1", "phase.finish"),
        ("compose 2", "phase.finish"),
    ]:

        def die(reached: str, n: int, point: str = point, count: int = points[phase, point]) -> None:
            if (reached, n) == (point, count):
                raise Died

        with on_faults(die), pytest.raises(Died):
            start_run(tmp_path / "killed", both)
        assert resume_run(tmp_path / "killed") == digest, (phase, point)
        shutil.rmtree(tmp_path / "killed")


@pytest.mark.slow
def test_no_filter_is_bit_for_bit_the_loop_without(tmp_path: Path) -> None:
    start_run(tmp_path / "without", config())
    start_run(tmp_path / "with", config({"kind": "detector", "filter": "none"}))
    one, other = finished_phases(tmp_path / "without"), finished_phases(tmp_path / "with")
    assert {place: (row.artifacts, row.facts, row.seal) for place, row in one.items()} == {
        place: (row.artifacts, row.facts, row.seal) for place, row in other.items()
    }


@pytest.mark.slow
def test_two_processes_learn_it_too(tmp_path: Path) -> None:
    entry = 'interventions=[{kind="detector", filter="soft", num_steps=20}]'
    in_two_processes(tmp_path, "start", *small_arguments(*SHORT, entry), "--name", "two")
    assert run_state(tmp_path / "two").finished
    assert finished_phases(tmp_path / "two")[1, "prepare"].facts["detector[0].trained"] == 1
    assert len(dataset_of(tmp_path / "two", 2)) == 24
