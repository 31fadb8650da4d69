"""The detector: what it drops of a pool whose origin it does not see, what it tells, and that its loop ends
the same however it is interrupted.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from loopsim.config import Config, with_values
from loopsim.core.errors import ConfigError
from loopsim.core.events import Event, PhaseEnded, PhaseStarted
from loopsim.interventions.detector import Detector, Seen
from loopsim.loop import run_loop
from loopsim.models.linear_probe import LinearProbe
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
HARD = {"kind": "detector", "known": 1.0, "fpr": 0.3, "num_steps": 50, "learning_rate": 0.05}
SOFT = {"kind": "detector", "known": 1.0, "filter": "soft", "keep": 0.5, "num_steps": 50}


WRITES = [
    ("prepare 1", "artifact.write"),
    ("prepare 1", "phase.finish"),
    ("compose 2", "phase.finish"),
]


class Died(BaseException):
    pass


class Points:
    """Pictures with a feature each, for who asks rulers alone."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = list(values)

    def __len__(self) -> int:
        return len(self.values)

    def captions(self, position: int) -> Sequence[str]:
        return ("",)

    def images(self, positions: Sequence[int]) -> torch.Tensor:
        return torch.zeros(len(positions), 4, 4, 3, dtype=torch.uint8)

    def select(self, positions: Sequence[int]) -> "Points":
        return Points([self.values[i] for i in positions])

    def features(self, pictures: "Points") -> torch.Tensor:
        return torch.tensor(pictures.values)[:, None]

    labels = likeness = None


def fitted(folder: Path, threshold: float, **settings: object) -> Detector:
    folder.mkdir(exist_ok=True)
    LinearProbe(torch.ones(1), torch.zeros(1)).save(folder / "probe.safetensors")
    (folder / "detector.json").write_text(json.dumps({"threshold": threshold}))
    return Detector(**settings).with_prepared(folder)


def config(*interventions: dict) -> Config:
    return with_values(small_config(*SHORT), {"interventions": list(interventions)})


def test_a_hard_filter_drops_what_is_above_its_threshold(tmp_path: Path) -> None:
    pool = Points([0.5, -1.0, 2.0, 0.49, 3.0])
    detector = fitted(tmp_path / "d", 0.5)
    assert detector.choose(pool, np.random.default_rng(0), pool) == [0, 1, 3]
    order = [4, 2, 0, 1, 3]
    again = detector.choose(pool.select(order), np.random.default_rng(0), pool)
    assert sorted(order[i] for i in again) == [0, 1, 3]  # whatever the order: it sees pictures alone


def test_a_soft_filter_draws_by_its_weights(tmp_path: Path) -> None:
    logits = np.array([-2.0, -1.0, 0.0, 1.0])
    pool = Points(logits.tolist())
    detector = fitted(tmp_path / "d", 0.0, filter="soft", keep=0.25, power=2.0, temperature=2.0)
    drawn = [detector.choose(pool, np.random.default_rng(seed), pool) for seed in range(4000)]
    assert {len(one) for one in drawn} == {1}
    weights = (1 - 1 / (1 + np.exp(-logits / 2))) ** 2
    found = np.bincount([one[0] for one in drawn], minlength=4) / 4000
    assert found == pytest.approx(weights / weights.sum(), abs=0.03)
    three = fitted(tmp_path / "d", 0.0, filter="soft", keep=0.75)
    chosen = three.choose(pool, np.random.default_rng(1), pool)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 3
    # The temperature is on the logits: a large one forgets them, and every picture is drawn as often.
    blind = fitted(tmp_path / "d", 0.0, filter="soft", keep=0.25, temperature=1e9)
    counts = np.bincount([blind.choose(pool, np.random.default_rng(s), pool)[0] for s in range(4000)])
    assert counts / 4000 == pytest.approx(np.full(4, 0.25), abs=0.03)


def test_before_there_is_something_to_learn_from_all_are_kept(tmp_path: Path) -> None:
    pool = Points([1.0, 2.0])
    assert Detector().with_prepared(tmp_path).choose(pool, np.random.default_rng(0), pool) == [0, 1]
    assert not Detector(filter="none").prepares()


def test_what_it_did_is_told_once_origins_are_open() -> None:
    groups: list[Mapping[str, str]] = [{"gender": "man"}, {"gender": "woman"}, {"gender": "woman"}, {}, {}]
    facts = Detector().told_of_pool([0, 1, 3], [True, True, True, False, False], groups)
    assert (facts["dropped"], facts["of"]) == (2, 5)
    assert facts["real_dropped"] == pytest.approx(1 / 3)
    assert facts["synthetic_dropped"] == 0.5
    assert facts["real_dropped woman"] == 0.5
    assert 0 < facts["real_dropped woman low"] < 0.5 < facts["real_dropped woman high"] < 1
    assert Detector().told_of_pool([0], [True], [{}])["synthetic_dropped"] is None


def test_weathered_pictures_are_the_same_each_time() -> None:
    pictures = Points([0.0] * 6)
    pictures.images = lambda positions: (
        torch.arange(48, dtype=torch.uint8)
        .view(1, 4, 4, 3)
        .repeat(  # type: ignore[method-assign]
            len(positions), 1, 1, 1
        )
    )
    seen = Seen(pictures, (1, "view"))
    assert torch.equal(seen.images(range(6)), seen.images(range(6)))
    assert torch.equal(seen.images([4, 2]), seen.images(range(6))[[4, 2]])
    assert torch.equal(Seen(pictures, ()).images([0]), pictures.images([0]))
    assert not torch.equal(seen.images(range(6)), pictures.images(range(6)))


@pytest.mark.parametrize(
    "entry", [{"filter": "strict"}, {"fpr": 0.0}, {"fpr": 1.0}, {"temperature": 0}, {"known": 0}, {"keep": 0}]
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
    assert 0 <= learned["detector[0].auc"] <= 1
    assert learned["detector[0].fpr"] <= 0.3
    told = phases[2, "compose"].facts
    assert told["detector[0].of"] == 24
    assert told["detector[1].of"] == 24 - told["detector[0].dropped"]
    assert len(dataset_of(tmp_path / "run", 2)) == max(1, round(0.5 * told["detector[1].of"]))
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
    entry = 'interventions=[{kind="detector", known=1.0, filter="soft", num_steps=20}]'
    in_two_processes(tmp_path, "start", *small_arguments(*SHORT, entry), "--name", "two")
    assert run_state(tmp_path / "two").finished
    assert finished_phases(tmp_path / "two")[1, "prepare"].facts["detector[0].trained"] == 1
    assert len(dataset_of(tmp_path / "two", 2)) == 16
