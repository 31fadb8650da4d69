"""Pre-training is reproducible from its seed, and goes on where it was killed."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from loopsim.config import OpenMojiConfig
from loopsim.core.errors import DataError, StorageFailed
from loopsim.core.hashing import hash_folder
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.models.training import Schedule
from loopsim.pocket import pretrain
from tests.helpers.syscalls import SUPPORTED, every_kill

NUM_STEPS = 4


class Killed(Exception):
    pass


def tiny_stage(run: pretrain.Pretraining, folder: Path) -> None:
    """The real loop, checkpoints and scenes on a model that is small enough for a test."""
    run.seeded("tiny")
    model = torch.nn.Linear(3, 1)

    def loss_of_step(step: int) -> torch.Tensor:
        images, captions = run.scenes("tiny", step, 4)
        return (model(images.float().mean((1, 2)) / 255) - len(captions[0])).square().mean()

    run.fit("tiny", model, loss_of_step, Schedule(NUM_STEPS, 1e-2))
    folder.mkdir()
    torch.save(model.state_dict()["weight"].tolist(), folder / "weights")


@pytest.fixture
def tiny_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain, "STAGES", {"tiny": tiny_stage})
    monkeypatch.setattr(pretrain, "CHECKPOINT_SECONDS", -1)


def make_weights(out: Path) -> list[int]:
    """Pre-train, and return the steps that were made."""
    steps: list[int] = []
    list(pretrain.pretrain(out, 0, lambda _stage, done, *_: steps.append(done)))
    return steps


def stop_after(out: Path, step: int) -> None:
    def die(_stage: str, done: int, *_: float) -> None:
        if done == step + 1:
            raise Killed

    with pytest.raises(Killed):
        list(pretrain.pretrain(out, 0, die))


@pytest.mark.usefixtures("tiny_stages")
def test_a_stopped_pretraining_makes_the_same_weights(tmp_path: Path) -> None:
    stop_after(tmp_path / "stopped", 2)
    assert make_weights(tmp_path / "stopped") == [3, 4]
    assert make_weights(tmp_path / "clean") == [1, 2, 3, 4]
    assert hash_folder(tmp_path / "stopped") == hash_folder(tmp_path / "clean")


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_stages")
@pytest.mark.skipif(not SUPPORTED, reason="kills at system calls need ptrace on Linux")
def test_killed_at_any_system_call_the_same_command_makes_the_same_weights(tmp_path: Path) -> None:
    make_weights(tmp_path / "clean")
    for change, place in every_kill(tmp_path, lambda place: None, lambda place: make_weights(place / "out")):
        make_weights(place / "out")
        assert os.listdir(place / "out") == ["tiny"], change
        assert hash_folder(place / "out") == hash_folder(tmp_path / "clean"), change


@pytest.mark.usefixtures("tiny_stages")
@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_torn_checkpoint_is_named_with_the_way_out(tmp_path: Path, damage: str) -> None:
    stop_after(tmp_path, 2)
    checkpoint = tmp_path / ".tiny.safetensors"
    whole = checkpoint.read_bytes()
    if damage == "other":
        save_file({"weight": torch.zeros(1)}, checkpoint)
    else:
        checkpoint.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    with pytest.raises(DataError, match=r"\.tiny\.safetensors: a damaged checkpoint .* delete it") as raised:
        make_weights(tmp_path)
    assert "\n" not in str(raised.value)
    checkpoint.unlink()
    assert make_weights(tmp_path) == [1, 2, 3, 4]


@pytest.mark.usefixtures("tiny_stages")
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed, match="cannot be written"):
        make_weights(tmp_path / "file")


def test_half_of_the_scenes_state_everything_and_half_follow_the_world() -> None:
    corpus = OpenMojiCorpus(OpenMojiConfig(mention_gender=0.0), 0)
    run = pretrain.Pretraining(Path("unused"), 0, corpus, lambda *_: None)
    _, captions = run.scenes("test", 0, 200)
    named = ["skin" in caption for caption in captions]
    assert all(named[::2])
    assert sum(named[1::2]) < 30
