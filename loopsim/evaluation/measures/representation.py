"""Who is in D_g and S_g."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured
from loopsim.metrics.estimate import Disaggregated
from loopsim.metrics.representation import representation


def representation_of_data(e: Evaluation) -> Iterator[Measured]:
    """Shares of groups in D_g and S_g, as the pinned classifier sees them: raw, and corrected for its
    confusions.
    """
    attributes = [*e.attributes, *(["skin_type"] if "skin_type" in e.classifier.values else [])]
    for metric, labels, weights, baseline in (
        ("dataset_share", e.dataset_labels, e.weights_of(e.dataset), 0),
        ("sample_share", e.sample_labels, e.weights_of(e.samples), 1),
    ):
        items = _label_indices(e, labels)
        for name, estimates in shares(metric, e, labels, attributes, weights):
            yield Measured(name, estimates, items, baseline)


REPRESENTATION = Measure("representation", "data", asks_model=False, body=representation_of_data)


def shares(
    metric: str,
    e: Evaluation,
    labels: Sequence[Mapping[str, str]],
    attributes: Sequence[str],
    weights: np.ndarray,
) -> Iterator[tuple[str, Disaggregated]]:
    """Yield the shares of groups among labelled pictures with their name: raw, and corrected for those
    attributes whose confusions are known.
    """
    values, confusions = e.classifier.values, e.classifier.confusion
    for name, corrected in ((metric, False), (f"{metric}_corrected", True)):
        estimates = Disaggregated()
        for attribute in [a for a in attributes if not corrected or a in confusions]:
            seen = [label[attribute] for label in labels]
            confusion = confusions[attribute] if corrected else None
            estimates |= representation(seen, values[attribute], attribute, weights, confusion)
        if estimates:
            yield name, estimates


def _label_indices(e: Evaluation, labels: Sequence[Mapping[str, str]]) -> np.ndarray:
    return np.array(
        [[values.index(label[name]) for name, values in e.classifier.values.items()] for label in labels],
        np.float32,
    )
