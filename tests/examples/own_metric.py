"""A metric of your own: how bright the pictures are that a generation learns from.

In a package it needs one line of its pyproject.toml and no call:
[project.entry-points."loopsim.metrics"]
brightness = "my_package.own_metric:BRIGHTNESS"
"""

from collections.abc import Iterator

import numpy as np

from loopsim import Measure, Measured
from loopsim.evaluation.evaluation import Evaluation
from loopsim.metrics.estimate import by_group, weighted_mean


def brightness(e: Evaluation) -> Iterator[Measured]:
    """Yield the mean luminance of D_g, overall and by group as the pinned classifier sees it."""
    scores = np.concatenate([batch.float().mean((1, 2, 3)).numpy() for batch in e.dataset.batches()]) / 255
    groups, values = e.groups_of(e.dataset_labels)
    estimates = by_group(weighted_mean(scores), groups, values, len(scores), e.weights_of(e.dataset))
    yield Measured("brightness", estimates, scores)


BRIGHTNESS = Measure("brightness", section="quality", asks_model=False, body=brightness)
