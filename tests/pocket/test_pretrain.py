"""Pre-training is reproducible from its seed, and goes on where it was killed."""

from pathlib import Path

import pytest
import torch

from loopsim.config import OpenMojiConfig
from loopsim.core.hashing import hash_folder
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.models.training import Schedule
from loopsim.pocket import pretrain


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_killed_pretraining_makes_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(run: pretrain.Pretraining, folder: Path) -> None:
        # The real loop, checkpoints and scenes on a model that is small enough for a test.
        run.seeded("tiny")
        model = torch.nn.Linear(3, 1)

        def loss_of_step(step: int) -> torch.Tensor:
            images, captions = run.scenes("tiny", step, 4)
            return (model(images.float().mean((1, 2)) / 255) - len(captions[0])).square().mean()

        run.fit("tiny", model, loss_of_step, Schedule(6, 1e-2))
        folder.mkdir()
        torch.save(model.state_dict()["weight"].tolist(), folder / "weights")

    monkeypatch.setattr(pretrain, "STAGES", {"tiny": stage})
    monkeypatch.setattr(pretrain, "CHECKPOINT_SECONDS", -1)
    steps: list[int] = []

    def die(_stage: str, done: int, *_: float) -> None:
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        list(pretrain.pretrain(tmp_path / "killed", 0, die))
    assert list(pretrain.pretrain(tmp_path / "killed", 0, lambda _stage, done, *_: steps.append(done))) == [
        "tiny"
    ]
    assert steps == [4, 5, 6]
    list(pretrain.pretrain(tmp_path / "clean", 0, lambda *_: None))
    assert hash_folder(tmp_path / "killed") == hash_folder(tmp_path / "clean")


def test_half_of_the_scenes_state_everything_and_half_follow_the_world() -> None:
    corpus = OpenMojiCorpus(OpenMojiConfig(mention_gender=0.0), 0)
    run = pretrain.Pretraining(Path("unused"), 0, corpus, lambda *_: None)
    _, captions = run.scenes("test", 0, 200)
    named = ["skin" in caption for caption in captions]
    assert all(named[::2])
    assert sum(named[1::2]) < 30
