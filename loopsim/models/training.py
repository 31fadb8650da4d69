"""The one training loop: CLIP, the captioner, the classifier and the generator differ only in the loss of a
step.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from loopsim.core.device import CPU, Device
from loopsim.core.distributed import World
from loopsim.core.rng import Part, seed_for

State = dict[str, Tensor]
# The losses of a step, one for each part of its batch that goes through at a time; their gradients add up, so
# each is weighted by its share.
Losses = Iterable[Tensor]


@final
@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: AdamW, linear warm-up, cosine decay to `final_share` of the rate,
    gradient norm clipped at 1.
    """

    num_steps: int
    learning_rate: float
    warmup_steps: int = 10
    final_share: float = 0.1
    weight_decay: float = 0.01
    ema_decay: float | None = None

    def rate(self, step: int) -> float:
        """Return the learning rate of a step (counted from 0)."""
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, self.num_steps))))
        return self.learning_rate * warmup * (self.final_share + (1 - self.final_share) * decay)


class Checkpointing(ABC):
    """Where a training run's state goes, so that it can be killed at any step."""

    @abstractmethod
    def load(self) -> tuple[int, State] | None:
        """Return the newest complete checkpoint as (number of finished steps, state), or None."""

    @abstractmethod
    def after_step(self, num_finished: int, state: Callable[[], State], loss: float) -> None:
        """Called after every step; saves `state()` when one is due. May raise `Interrupted`, having saved
        first.
        """


@final
class NoCheckpoints(Checkpointing):
    """For training that is too short to save."""

    def load(self) -> None:
        return None

    def after_step(self, num_finished: int, state: Callable[[], State], loss: float) -> None:
        pass


def trainable_state(module: nn.Module) -> State:
    """Return, by name, the tensors that training changes: parameters that ask for a gradient, and buffers."""
    parameters = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    return parameters | dict(module.named_buffers())


class _Average:
    """An exponential moving average of the parameters that are trained."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {
            name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad
        }
        self.count = torch.tensor(0)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        new = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
        if self.count == 0:
            for name, p in self.parameters.items():
                p.copy_(new[name])
        else:
            get_ema_multi_avg_fn(self.decay)(  # type: ignore[no-untyped-call]
                list(self.parameters.values()), [new[name] for name in self.parameters], self.count
            )
        self.count += 1

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        for name, p in module.named_parameters():
            if name in self.parameters:
                p.copy_(self.parameters[name])


def _training_state(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    average: _Average | None,
) -> State:
    state = {f"module/{name}": tensor for name, tensor in trainable_state(module).items()}
    if average is not None:
        state |= {f"average/{name}": p for name, p in average.parameters.items()}
        state["average_count"] = average.count
    for index, slots in optimizer.state_dict()["state"].items():
        state |= {f"optimizer/{index}/{slot}": tensor for slot, tensor in slots.items()}
    if scaler.is_enabled():
        kept = scaler.state_dict()
        state["scaler"] = torch.tensor([kept["scale"], kept["_growth_tracker"]], dtype=torch.float64)
    # Cloned: safetensors refuses tied tensors (an embedding and its head), which are one parameter under two
    # names.
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}


@torch.no_grad()
def _restore(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    average: _Average | None,
    state: State,
) -> None:
    for name, tensor in trainable_state(module).items():
        tensor.copy_(state[f"module/{name}"])
    if average is not None:
        for name, p in average.parameters.items():
            p.copy_(state[f"average/{name}"])
        average.count.copy_(state["average_count"])
    if scaler.is_enabled():
        scale, tracker = state["scaler"].tolist()
        scaler.load_state_dict(scaler.state_dict() | {"scale": scale, "_growth_tracker": int(tracker)})
    slots: dict[int, State] = {}
    for name, tensor in state.items():
        if name.startswith("optimizer/"):
            _, index, slot = name.split("/")
            slots.setdefault(int(index), {})[slot] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})


def fit(
    module: nn.Module,
    losses_of_step: Callable[[int], Losses],
    schedule: Schedule,
    *,
    seed: tuple[Part, ...],
    world: World,
    checkpointing: Checkpointing,
    device: Device = CPU,
) -> None:
    """Train `module` in place: for every step its losses, backward, AdamW. Ends with the averaged weights if
    it keeps an EMA.

    The result is a function of the module's initial weights, the losses and `seed` alone, however often it is
    killed and resumed: the only global randomness (dropout, random crops) is seeded anew at each step.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    fused = device.kind in ("cuda", "cpu")
    optimizer = torch.optim.AdamW(
        parameters,
        lr=schedule.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=schedule.weight_decay,
        fused=fused,
    )
    average = _Average(module, schedule.ema_decay) if schedule.ema_decay else None
    scaler = device.scaler()
    resumed = checkpointing.load()
    if resumed is not None:
        _restore(module, optimizer, scaler, average, resumed[1])
    module.train()
    for step in range(resumed[0] if resumed else 0, schedule.num_steps):
        torch.manual_seed(seed_for(*seed, "dropout", step))
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        total = torch.zeros((), device=device.name)
        with device.arithmetic():
            for loss in losses_of_step(step):
                scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        world.average_gradients(parameters)
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if average is not None:
            average.update(module)
        checkpointing.after_step(
            step + 1, lambda: _training_state(module, optimizer, scaler, average), total.item()
        )
    if average is not None:
        average.copy_to(module)
    module.eval()
