"""The labels of pictures: of the largest person in each, where a detector looks first."""

from collections.abc import Iterable

from torch import Tensor

from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.people_detector import PeopleDetector


def label_pictures(
    classifier: AttributeClassifier, detector: PeopleDetector | None, batches: Iterable[Tensor]
) -> list[dict[str, str]]:
    """Return the labels of pictures that come in batches uint8 [k, h, w, 3]: of the largest person in each,
    where a detector looks first.
    """
    labels: list[dict[str, str]] = []
    for batch in batches:
        labels += classifier.label(batch if detector is None else detector.crop(batch))
    return labels
