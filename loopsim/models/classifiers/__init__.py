"""Pinned attribute classifiers of every kind, and the detector that finds people for them."""

from loopsim.models.classifiers.attribute_classifier import AttributeClassifier
from loopsim.models.classifiers.classifier_kind import (
    CLASSIFIERS,
    ClassifierKind,
    labels_of,
    open_classifier,
)
from loopsim.models.classifiers.confusion import confusion_matrices, with_confusion
from loopsim.models.classifiers.labelling import abstaining, label_pictures

__all__ = [
    "CLASSIFIERS",
    "AttributeClassifier",
    "ClassifierKind",
    "abstaining",
    "confusion_matrices",
    "label_pictures",
    "labels_of",
    "open_classifier",
    "with_confusion",
]
