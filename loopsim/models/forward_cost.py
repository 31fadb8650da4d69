"""What a forward pass costs, counted without weights: models are built on PyTorch's meta device and run there
once (a multiply and an add are two FLOPs).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@final
@dataclass(frozen=True)
class TowerCost:
    """FLOPs of one forward pass for one image (and caption, where it reads one), and the number of
    weights.
    """

    forward: float
    num_weights: int


def count_flops(run: Callable[[], object]) -> float:
    """Return the FLOPs of what `run` does on the meta device."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def num_weights(module: nn.Module) -> int:
    """Return the number of a module's parameters."""
    return sum(p.numel() for p in module.parameters())
