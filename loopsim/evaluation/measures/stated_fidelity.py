"""Whether S_g's pictures show what their captions state: what a remedy may cost those who are named."""

from collections.abc import Iterator

import numpy as np

from loopsim.data.stated_groups import knows, stated_groups
from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured, unmeasured
from loopsim.metrics.estimate import by_group, weighted_mean


def stated_fidelity(e: Evaluation) -> Iterator[Measured]:
    """The share of S_g's pictures in which the pinned classifier sees all that the caption states, among
    those whose caption states a gender or a skin tone; by what is stated.
    """
    values = {name: known for name, known in e.classifier.values.items() if knows(name)}
    if e.samples is None or not values:
        reason = "generation 0 has no samples" if values else "it is not known how captions state its labels"
        yield unmeasured("stated_fidelity", 0, reason, baseline=1)
        return
    stated = [stated_groups(e.samples.captions(i)[0], list(values)) for i in range(len(e.samples))]
    states = np.array([bool(one) for one in stated])
    if not states.any():
        yield unmeasured("stated_fidelity", 0, "no caption states a group", baseline=1)
        return
    shows = np.array(
        [
            all(seen[name] == value for name, value in one.items())
            for one, seen in zip(stated, e.sample_labels, strict=True)
        ],
        np.float32,
    )
    groups = {name: [one.get(name, "") for one in stated] for name in values}
    weights = e.weights_of(e.samples)
    found = by_group(weighted_mean(shows), groups, values, len(shows), weights, usable=states)
    yield Measured("stated_fidelity", found, np.where(states, shows, np.nan), 1)


STATED_FIDELITY = Measure(
    "stated_fidelity", "quality", asks_model=False, body=stated_fidelity, on_demand=True
)
