"""A detector of synthetic pictures: one linear layer on a frozen encoder's features (UnivFD, Ojha et al.
2023), cross-fitted.

There are K layers. Every picture belongs to a fold, which its own pixels name, and is judged by the layer of
its fold, which no picture of that fold has trained: so none is judged by what has learned it by heart, be it
real or synthetic, and nobody needs to know where it comes from.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from loopsim.core.rng import Part, epoch_batches
from loopsim.metrics.detection import threshold_at
from loopsim.models.training import Losses

_FILE: Final = "detector.safetensors"


def fold_of(image: Tensor, num_folds: int) -> int:
    """Return the fold of a picture, uint8 [h, w, 3]: a function of its pixels alone."""
    digest = hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % num_folds


def can_be_fitted(real_folds: np.ndarray, synthetic_folds: np.ndarray) -> bool:
    """Return whether outside of each fold there are pictures of both kinds to learn from."""
    return min(len(set(real_folds.tolist())), len(set(synthetic_folds.tolist()))) > 1


@final
@dataclass(frozen=True)
class SyntheticDetector:
    """K layers, `weight` [K, d] and `bias` [K], and the logit above which a picture of each fold is flagged,
    [K] float64.
    """

    weight: Tensor
    bias: Tensor
    thresholds: np.ndarray

    @property
    def num_folds(self) -> int:
        """K."""
        return len(self.thresholds)

    def logits(self, features: Tensor, folds: np.ndarray) -> np.ndarray:
        """Return log p / (1 - p), p that a picture is synthetic where half of all are, float64 [n], of
        unit-norm features [n, d].
        """
        rows = torch.from_numpy(folds)
        found = (scaled(features).double() * self.weight[rows].double()).sum(-1) + self.bias[rows].double()
        logits: np.ndarray = found.numpy()
        return logits

    def flagged(self, logits: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Return which pictures lie above their fold's threshold, bool [n]."""
        found: np.ndarray = logits > self.thresholds[folds]
        return found

    def with_thresholds(self, logits: np.ndarray, folds: np.ndarray, fpr: float) -> "SyntheticDetector":
        """Return it with thresholds for a false-positive rate, by the logits [n] of real pictures: for each
        fold those of the others, so that a picture has no part in what it is compared with.
        """
        found = [threshold_at(logits[folds != k], fpr) for k in range(self.num_folds)]
        return SyntheticDetector(self.weight, self.bias, np.array(found))

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        tensors = {
            "weight": self.weight.contiguous(),
            "bias": self.bias.contiguous(),
            "thresholds": torch.from_numpy(self.thresholds),
        }
        save_file(tensors, folder / _FILE)


def load_detector(folder: Path) -> SyntheticDetector:
    """Return the detector that `save` wrote."""
    found = load_file(folder / _FILE)
    return SyntheticDetector(found["weight"], found["bias"], found["thresholds"].numpy())


def untrained_layers(num_folds: int, num_features: int) -> nn.Linear:
    """Return K layers of zeros: what they become is no matter of chance."""
    layers = nn.Linear(num_features, num_folds)
    nn.init.zeros_(layers.weight)
    nn.init.zeros_(layers.bias)
    return layers


def detector_of(layers: nn.Linear) -> SyntheticDetector:
    """Return what was trained, without thresholds yet (nothing is flagged)."""
    weight, bias = layers.weight.detach().cpu().float(), layers.bias.detach().cpu().float()
    return SyntheticDetector(weight.clone(), bias.clone(), np.full(len(bias), np.inf))


def scaled(features: Tensor) -> Tensor:
    """Return unit-norm features [..., d] at norm √d, near the size that CLIP's have before they are
    normalised: UnivFD's learning rate is meant for those.
    """
    return features * math.sqrt(features.shape[-1])


def losses(
    layers: nn.Linear,
    features: tuple[Tensor, Tensor],
    folds: tuple[np.ndarray, np.ndarray],
    batch_size: int,
    seed: tuple[Part, ...],
) -> Callable[[int], Losses]:
    """Return the loss of a step: binary cross-entropy over a batch, half of it real, half synthetic; a
    picture does not count for the layer of its own fold.

    `features` are of real and synthetic pictures, each [views, n, d], `folds` [n] each; pictures and views
    are drawn by `seed`.
    """
    device, num_folds = layers.weight.device, layers.out_features

    def of_step(step: int) -> Losses:
        rows, outside = [], []
        for kind, (views, own) in enumerate(zip(features, folds, strict=True)):
            # All views of all pictures are gone through before one comes again.
            flat = next(epoch_batches(views.shape[0] * views.shape[1], batch_size // 2, step, *seed, kind))
            rows.append(views.flatten(0, 1)[torch.from_numpy(flat)])
            outside.append(own[flat % views.shape[1], None] != np.arange(num_folds))
        logits = layers(scaled(torch.cat(rows)).to(device)).float()
        counts = torch.from_numpy(np.concatenate(outside)).to(device).float()
        truth = torch.zeros_like(logits)
        truth[len(rows[0]) :] = 1
        each = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        # Each layer's own mean, so that it learns as if it were alone.
        yield ((each * counts).sum(0) / counts.sum(0).clamp(min=1)).sum()

    return of_step
