"""The labels of pictures: of the largest person in each, where a detector looks first."""

from collections.abc import Iterable

from torch import Tensor

from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.people_detector import PeopleDetector


def label_pictures(
    classifier: AttributeClassifier, detector: PeopleDetector | None, batches: Iterable[Tensor]
) -> list[dict[str, str]]:
    """Return the labels of pictures that come in batches uint8 [k, h, w, 3]: of the largest person in each,
    where a detector looks first; "" where nobody is seen.
    """
    labels: list[dict[str, str]] = []
    for batch in batches:
        if detector is None:
            labels += classifier.label(batch)
            continue
        people, found = detector.find(batch)
        labels += [
            seen if there or not detector.abstains else dict.fromkeys(seen, "")
            for seen, there in zip(classifier.label(people), found, strict=True)
        ]
    return labels


def abstaining(classifier: AttributeClassifier, detector: PeopleDetector | None) -> frozenset[str]:
    """Return the attributes of which `label_pictures` may give no label."""
    return frozenset(classifier.values) if detector is not None and detector.abstains else classifier.abstains
