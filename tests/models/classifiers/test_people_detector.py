"""The detector cuts people out."""

import torch

from loopsim.models.classifiers.people_detector import load_detector
from tests.helpers import corpora
from tests.helpers.checkpoints import TinyModels


def test_a_detector_cuts_people_out_and_keeps_the_size(tiny_models: TinyModels) -> None:
    detector, images = load_detector(str(tiny_models["detector"])), corpora.pictures(3)
    assert detector.persons == (0,)
    assert detector.crop(images).shape == images.shape
    found = {
        "boxes": torch.tensor([[4.0, 4.0, 12.0, 20.0], [0.0, 0.0, 4.0, 4.0]]),
        "labels": torch.tensor([0, 0]),
    }
    cut = detector._cut(images[0], detector._people(found))
    assert cut.shape == images[0].shape
    assert not torch.equal(cut, images[0])
    dogs = detector._people(found | {"labels": torch.tensor([1, 1])})
    assert dogs == []
    assert torch.equal(detector._cut(images[0], dogs), images[0])
