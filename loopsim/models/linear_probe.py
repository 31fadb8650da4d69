"""One linear layer on a frozen encoder's features: is a picture synthetic? (UnivFD: Ojha et al. 2023, arXiv
2302.10174.)
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from loopsim.core.rng import Part, epoch_batches, torch_generator


@final
@dataclass(frozen=True)
class LinearProbe:
    """Weights [d] and bias [1] of unit-norm features, float32 on the CPU."""

    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Return one logit for each of the features [n, d]."""
        logits: Tensor = scaled(features) @ self.weight + self.bias
        return logits

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        save_file({"weight": self.weight.contiguous(), "bias": self.bias.contiguous()}, path)

    @classmethod
    def load(cls, path: Path) -> "LinearProbe":
        """Return what `save` wrote."""
        return cls(**load_file(path))


def scaled(features: Tensor) -> Tensor:
    """Return unit-norm features [n, d] as numbers of about 1, so that a usual learning rate is one."""
    return features * math.sqrt(features.shape[1])


def fit_linear_probe(
    features: Tensor, positive: Tensor, *seed: Part, num_steps: int, learning_rate: float, batch_size: int
) -> LinearProbe:
    """Return the probe that tells features [n, d] with `positive` (bool [n]) from the others: logistic loss,
    Adam, batches over epochs; both kinds count the same, however many there are.
    """
    inputs, targets = scaled(features), positive.float()
    layer = nn.Linear(features.shape[1], 1)
    bound = features.shape[1] ** -0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=torch_generator(*seed, "probe"))
        layer.bias.zero_()
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - targets).sum() / targets.sum())
    optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
    batches = epoch_batches(len(features), batch_size, 0, *seed, "probe")
    for _, rows in zip(range(num_steps), batches, strict=False):
        optimizer.zero_grad()
        loss(layer(inputs[rows])[:, 0], targets[rows]).backward()
        optimizer.step()
    return LinearProbe(layer.weight.detach()[0].clone(), layer.bias.detach().clone())
