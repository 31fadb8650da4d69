"""What an intervention does to a pool whose pictures' origins are hidden: compose asks it, with the pinned
rulers and what it has learned, and tells what it did once the origins are open.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from loopsim.config import Config, with_values
from loopsim.core.errors import DataError
from loopsim.interventions.base import Draw, Intervention, OpenedPool, Place
from loopsim.interventions.registry import INTERVENTIONS
from loopsim.interventions.workshop import Pictures, Prepared, Rulers, Workshop
from loopsim.runs.verify import verify_run
from loopsim.store.rows import DatasetRow
from loopsim.store.store import Store
from tests.helpers.faults import on_faults
from tests.helpers.loops import resume_run, small_config, start_run
from tests.helpers.rows import finished_phases

SMALL = ["generations=1", "evaluate.num_replicates=1", 'evaluate.metrics=["representation"]']


class Nearest(Intervention):
    """Learns where real pictures and SD's own lie in the encoder, and keeps `share` of a pool: what is
    nearest to the real ones, the first of it twice.
    """

    name: ClassVar = "nearest_to_real"
    places: ClassVar = frozenset({Place.POOL})

    share: float = 0.5

    def prepares(self) -> bool:
        return True

    def prepare(self, workshop: Workshop) -> Prepared:
        assert workshop.generation == 1
        own = workshop.draw([Draw("a cook", "a photo of a cook", seed) for seed in range(3)])
        real = workshop.real().select([0, 1, 2, 2])
        assert len(real) == 4
        assert torch.equal(real.images([2]), real.images([3]))
        assert {"gender", "skin_tone"} <= set(workshop.labels(own)[0])
        features = [workshop.features(pictures).mean(0) for pictures in (real, own)]
        direction = {"direction": (features[0] - features[1]).contiguous()}
        return Prepared(lambda folder: save_file(direction, folder / "direction.safetensors"), {"n": 7})

    def choose(self, pool: Pictures, rng: np.random.Generator, rulers: Rulers) -> list[int]:
        direction = load_file(self.prepared / "direction.safetensors")["direction"]
        order = np.argsort(-(rulers.features(pool) @ direction).numpy(), kind="stable")
        kept = [int(i) for i in order[: round(self.share * len(pool))]]
        return kept + kept[:1]

    def told_of_pool(self, pool: OpenedPool, chosen: Sequence[int], rulers: Rulers) -> dict[str, Any]:
        # A real picture has the corpus's own labels, a generated one has none.
        assert [bool(group) for group in pool.groups] == list(pool.is_real)
        assert len(rulers.labels(pool.pictures)) == len(pool)
        return {"real": sum(pool.is_real[i] for i in chosen), "of": len(pool)}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INTERVENTIONS, "_registered", {})
    INTERVENTIONS.register(Nearest)


def config(**settings: float) -> Config:
    return with_values(small_config(*SMALL), {"interventions": [{"kind": "nearest_to_real", **settings}]})


@pytest.mark.slow
def test_it_chooses_d_and_tells_what_it_chose(tmp_path: Path) -> None:
    digest = start_run(tmp_path / "run", config())
    phases = finished_phases(tmp_path / "run")
    facts = phases[1, "compose"].facts
    assert (facts["num_images"], facts["nearest_to_real[0].of"]) == (13, 24)
    assert facts["nearest_to_real[0].real"] == facts["num_real"]
    assert phases[0, "compose"].facts == {"num_images": 24, "num_real": 24, "num_synthetic": 0}
    assert phases[0, "prepare"].facts == {"nearest_to_real[0].n": 7}
    with Store(tmp_path / "run" / "state.lmdb", readonly=True) as store:
        rows = list(store.scan(DatasetRow, 1))
    assert [row.position for row in rows] == list(range(13))
    first, last = rows[0], rows[-1]  # the first of it twice
    assert (first.made_for, first.index, first.slot) == (last.made_for, last.index, last.slot)
    verify_run(tmp_path / "run")

    class Died(BaseException):
        pass

    def die(point: str, n: int) -> None:
        if (point, n) == ("phase.finish", 9):  # compose of generation 1
            raise Died

    with on_faults(die), pytest.raises(Died):
        start_run(tmp_path / "killed", config())
    assert (1, "compose") not in finished_phases(tmp_path / "killed")
    assert (0, "commit") in finished_phases(tmp_path / "killed")
    assert resume_run(tmp_path / "killed") == digest


@pytest.mark.slow
def test_a_choice_of_nothing_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nearest_to_real\[0\] chose none of the 24 pictures"):
        start_run(tmp_path / "run", config(share=0.0))
    assert (0, "commit") in finished_phases(tmp_path / "run")
