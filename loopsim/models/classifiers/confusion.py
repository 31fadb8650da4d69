"""A classifier's known errors on a labelled set, which correct the shares that it observes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from loopsim.metrics.confusion import Confusion
from loopsim.models.classifiers.attribute_classifier import AttributeClassifier


def confusion_matrices(
    values: Mapping[str, tuple[str, ...]],
    true: Sequence[Mapping[str, str]],
    observed: Sequence[Mapping[str, str]],
    abstains: Collection[str] = (),
) -> dict[str, Confusion]:
    """Return how often which value was seen for which, by attribute, and of the attributes that it `abstains`
    from how often none was; an attribute with a value that never occurs is left out.
    """
    matrices = {}
    for attribute, names in values.items():
        seen_as = (*names, "") if attribute in abstains else names
        counts = np.zeros((len(seen_as), len(names)), int)
        for is_, seen in zip(true, observed, strict=True):
            if is_.get(attribute) in names:
                counts[seen_as.index(seen[attribute]), names.index(is_[attribute])] += 1
        if counts.sum(0).all():
            matrices[attribute] = Confusion.of(counts)
    return matrices


def with_confusion(classifier: AttributeClassifier, matrices: Mapping[str, Confusion]) -> AttributeClassifier:
    """Return the classifier with these confusion matrices, by attribute, in the place of its own."""
    return replace(classifier, confusion=matrices)
