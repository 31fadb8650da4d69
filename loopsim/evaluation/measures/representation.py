"""Who is in D_g and S_g."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from loopsim.evaluation.evaluation import Evaluation
from loopsim.evaluation.measure import Measure, Measured
from loopsim.metrics.estimate import Disaggregated
from loopsim.metrics.representation import representation, unlabelled


def representation_of_data(e: Evaluation) -> Iterator[Measured]:
    """Shares of groups in D_g and S_g, as the pinned classifier sees them: raw, and corrected for its
    confusions; where it may see nobody, in how many pictures it does.
    """
    attributes = [*e.attributes, *(["skin_type"] if "skin_type" in e.classifier.values else [])]
    for whose, labels, weights, baseline in (
        ("dataset", e.dataset_labels, e.weights_of(e.dataset), 0),
        ("sample", e.sample_labels, e.weights_of(e.samples), 1),
    ):
        items = _label_indices(e, labels)
        for name, estimates in shares(whose, e, labels, attributes, weights):
            yield Measured(name, estimates, items, baseline)
        for name, estimates in without_label(whose, e, labels, weights):
            yield Measured(name, estimates, baseline=baseline)


REPRESENTATION = Measure("representation", "data", asks_model=False, body=representation_of_data)


def shares(
    whose: str,
    e: Evaluation,
    labels: Sequence[Mapping[str, str]],
    attributes: Sequence[str],
    weights: np.ndarray,
) -> Iterator[tuple[str, Disaggregated]]:
    """Yield the shares of groups among labelled pictures of the dataset, the sample or the generator with
    their name: raw, and corrected for those attributes whose confusions are known.
    """
    values, confusions = e.classifier.values, e.classifier.confusion
    for name, corrected in ((f"{whose}_share", False), (f"{whose}_share_corrected", True)):
        estimates = Disaggregated()
        for attribute in [a for a in attributes if not corrected or a in confusions]:
            seen = [label[attribute] for label in labels]
            confusion = confusions[attribute] if corrected else None
            estimates |= representation(seen, values[attribute], attribute, weights, confusion)
        if estimates:
            yield name, estimates


def without_label(
    whose: str, e: Evaluation, labels: Sequence[Mapping[str, str]], weights: np.ndarray
) -> Iterator[tuple[str, Disaggregated]]:
    """Yield the share of pictures that lack a label of one of the attributes, or more, where any may be
    lacking.
    """
    if e.unsure_of:
        complete = ["whole" if all(label[name] for name in e.unsure_of) else "" for label in labels]
        yield f"{whose}_unlabelled", unlabelled(complete, weights)


def _label_indices(e: Evaluation, labels: Sequence[Mapping[str, str]]) -> np.ndarray:
    """Return each label's place among its attribute's values, [n, attributes]; NaN where there is none."""
    places = {name: {value: i for i, value in enumerate(v)} for name, v in e.classifier.values.items()}
    return np.array(
        [[known.get(label[name], np.nan) for name, known in places.items()] for label in labels], np.float32
    )
