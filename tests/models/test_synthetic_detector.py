"""The cross-fitted layer: each layer learns as if it were alone, and from no picture of its fold."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from loopsim.models.synthetic_detector import (
    can_be_fitted,
    detector_of,
    fold_of,
    load_detector,
    losses,
    scaled,
    untrained_layers,
)

NUM_FOLDS, SIZE = 3, 8


def examples(seed: int = 0) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[np.ndarray, np.ndarray]]:
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    found = []
    for shift in (0.0, 1.0):
        values = torch.randn(2, 30, SIZE, generator=generator)
        values[..., 0] += shift
        found.append(torch.nn.functional.normalize(values, dim=-1))
    return (found[0], found[1]), (rng.integers(0, NUM_FOLDS, 30), rng.integers(0, NUM_FOLDS, 30))


def trained(
    features: tuple[torch.Tensor, torch.Tensor], folds: tuple[np.ndarray, np.ndarray], steps: int = 40
):
    layers = untrained_layers(NUM_FOLDS, SIZE)
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
    of_step = losses(layers, features, folds, 20, (1, "batches"))
    for step in range(steps):
        optimizer.zero_grad()
        parts: Iterator[torch.Tensor] = of_step(step)
        for loss in parts:
            loss.backward()
        optimizer.step()
    return layers


@pytest.mark.parametrize("fold", range(NUM_FOLDS))
def test_no_layer_learns_from_its_own_fold(fold: int) -> None:
    features, folds = examples()
    changed = tuple(one.clone() for one in features)
    for one, own in zip(changed, folds, strict=True):
        one[:, own == fold] = torch.nn.functional.normalize(torch.ones(SIZE), dim=0)
    one, other = trained(features, folds), trained(changed, folds)
    same = [torch.equal(one.weight[k], other.weight[k]) for k in range(NUM_FOLDS)]
    assert same == [k == fold for k in range(NUM_FOLDS)]


def test_a_step_is_that_of_one_layer_on_what_is_not_of_its_fold() -> None:
    features, folds = examples()
    layers = untrained_layers(NUM_FOLDS, SIZE)
    torch.nn.init.normal_(layers.weight, generator=torch.Generator().manual_seed(3))
    (loss,) = losses(layers, features, folds, 120, (1,))(0)  # every view of every picture, once
    slow = 0.0
    for k in range(NUM_FOLDS):
        each = []
        for truth, (views, own) in enumerate(zip(features, folds, strict=True)):
            logits = scaled(views[:, own != k].flatten(0, 1)) @ layers.weight[k] + layers.bias[k]
            each.append(torch.nn.functional.softplus(-logits if truth else logits))
        slow += float(torch.cat(each).detach().mean())
    assert float(loss) == pytest.approx(slow, rel=1e-5)


def test_it_tells_what_can_be_told_and_comes_back(tmp_path: Path) -> None:
    features, folds = examples()
    detector = detector_of(trained(features, folds, 300))
    real, synthetic = (
        detector.logits(one[0], own) for one, own in zip(features, folds, strict=True)
    )  # fmt: skip
    assert synthetic.mean() > real.mean() + 0.5
    detector = detector.with_thresholds(real, folds[0], 0.1)
    for k in range(NUM_FOLDS):
        others = real[folds[0] != k]
        assert (others > detector.thresholds[k]).mean() <= 0.1
    detector.save(tmp_path)
    again = load_detector(tmp_path)
    assert (again.flagged(synthetic, folds[1]) == detector.flagged(synthetic, folds[1])).all()
    assert (again.logits(features[1][0], folds[1]) == synthetic).all()


def test_a_fold_is_a_function_of_pixels_alone() -> None:
    images = torch.randint(0, 256, (200, 8, 8, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    folds = [fold_of(image, 5) for image in images]
    assert folds == [fold_of(image.clone(), 5) for image in images]
    assert min(np.bincount(folds, minlength=5)) > 20


def test_of_one_fold_alone_nothing_is_learned() -> None:
    assert can_be_fitted(np.array([0, 1]), np.array([1, 2]))
    assert not can_be_fitted(np.array([0, 1]), np.array([1, 1]))
    assert not can_be_fitted(np.array([], int), np.array([0, 1]))
