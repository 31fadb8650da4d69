"""Training killed at any step and resumed gives the weights of training that was not."""

import pytest
import torch
from torch import nn

from loopsim.config import DeviceConfig
from loopsim.core.device import choose_device
from loopsim.core.distributed import World
from loopsim.core.rng import torch_generator
from loopsim.models.training import Checkpointing, NoCheckpoints, Schedule, fit


class Killed(Exception):
    pass


class KilledAt(Checkpointing):
    """Saves every `every` steps, and dies once after step `death`."""

    def __init__(self, every: int, death: int) -> None:
        self.every, self.death, self.saved = every, death, None

    def load(self):
        return self.saved

    def after_step(self, num_finished, state, loss) -> None:
        if num_finished % self.every == 0:
            self.saved = (num_finished, state())
        if num_finished == self.death:
            self.death = -1
            raise Killed


def train(checkpointing: Checkpointing, ema: float | None, model: nn.Module) -> None:
    def loss_of_step(step: int):
        x = torch.randn(16, 4, generator=torch_generator("data", step))
        return (model(x) - x.sum(1, keepdim=True)).square().mean()

    fit(
        model,
        lambda step: [loss_of_step(step)],
        Schedule(12, 1e-2, ema_decay=ema),
        seed=("test",),
        world=World(),
        checkpointing=checkpointing,
    )


def new_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("death", [1, 5, 6, 11, 12])
def test_resumed_training_is_bit_for_bit_the_same(death: int, ema: float | None) -> None:
    clean = new_model()
    train(NoCheckpoints(), ema, clean)
    checkpoints = KilledAt(every=3, death=death)
    with pytest.raises(Killed):
        train(checkpoints, ema, new_model())
    resumed = new_model()
    train(checkpoints, ema, resumed)
    for name, tensor in clean.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_training_learns() -> None:
    model = new_model()
    before = model[0].weight.clone()
    train(NoCheckpoints(), None, model)
    assert not torch.equal(before, model[0].weight)


def test_float16_training_scales_its_loss_and_resumes() -> None:
    model = torch.nn.Linear(4, 1)
    state: dict = {}

    class Kept(Checkpointing):
        def __init__(self, until: int) -> None:
            self.until = until

        def load(self):
            return state.get("kept")

        def after_step(self, num_finished, make, loss) -> None:
            if num_finished == self.until:
                state["kept"] = (num_finished, make())
                raise KeyboardInterrupt

    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    device = choose_device(DeviceConfig(name="cpu", precision="fp16"))

    def train(module: torch.nn.Linear, checkpointing) -> torch.Tensor:
        fit(
            module, lambda step: [(module(x) - 1).float().square().mean()], Schedule(6, 1e-2, 0), seed=("t",),
            world=World(),
            checkpointing=checkpointing, device=device,
        )  # fmt: skip
        return module.weight.detach().clone()

    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    whole = train(model, NoCheckpoints())
    assert not torch.equal(whole, start["weight"])
    model.load_state_dict(start)
    with pytest.raises(KeyboardInterrupt):
        train(model, Kept(3))
    assert "scaler" in state["kept"][1]
    again = torch.nn.Linear(4, 1)
    assert torch.equal(train(again, Kept(-1)), whole)
