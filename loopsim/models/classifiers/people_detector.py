"""People regions: the largest person that an object detector finds in a picture."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from loopsim.core.device import CPU, Device
from loopsim.core.errors import DataError
from loopsim.models.hub import model_folder
from loopsim.models.load_errors import LOAD_ERRORS, first_line
from loopsim.models.whole import load_whole

THRESHOLD, PADDING = 0.5, 1.25


@final
@dataclass(frozen=True)
class PeopleDetector:
    """A detector of transformers, pinned; `persons` are its classes that mean a person. `abstains`: a picture
    in which it finds none shows nobody, and has no label.
    """

    model: Any
    processor: Any
    persons: tuple[int, ...]
    device: Device = CPU
    abstains: bool = False

    def crop(self, images: Tensor) -> Tensor:
        """Return each picture's largest person with a margin (side × 1.25), scaled to the picture's own size;
        the whole picture if there is none.

        Images and result are uint8 [n, h, w, 3].
        """
        return self.find(images)[0]

    @torch.inference_mode()
    def find(self, images: Tensor) -> tuple[Tensor, list[bool]]:
        """Return what `crop` does, and in which pictures there is a person."""
        height, width = images.shape[1:3]
        inputs = {
            name: value.to(self.device.name)
            for name, value in self.processor(images=list(images.numpy()), return_tensors="pt").items()
        }
        sizes = torch.tensor([[height, width]] * len(images))
        found = self.processor.post_process_object_detection(
            self.model(**inputs), threshold=THRESHOLD, target_sizes=sizes
        )
        people = [self._people(one) for one in found]
        cut = torch.stack([self._cut(image, boxes) for image, boxes in zip(images, people, strict=True)])
        return cut, [bool(boxes) for boxes in people]

    def _people(self, found: dict[str, Tensor]) -> list[list[float]]:
        return [
            box
            for box, label in zip(found["boxes"].tolist(), found["labels"].tolist(), strict=True)
            if label in self.persons
        ]

    def _cut(self, image: Tensor, boxes: list[list[float]]) -> Tensor:
        if not boxes:
            return image
        left, top, right, bottom = max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
        half = max(right - left, bottom - top) * PADDING / 2
        x, y = (left + right) / 2, (top + bottom) / 2
        picture = Image.fromarray(image.numpy())
        box = (
            max(0.0, x - half),
            max(0.0, y - half),
            min(float(picture.width), x + half),
            min(float(picture.height), y + half),
        )
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            return image
        return torch.from_numpy(np.array(picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)))


def load_detector(name: str, device: Device = CPU, *, abstains: bool = False) -> PeopleDetector:
    """Return the detector of a folder or hub id; `abstains` as in `PeopleDetector`. Raises DataError if it
    knows no persons.
    """
    folder = model_folder(name)
    try:
        model = load_whole(
            AutoModelForObjectDetection, folder, dtype=torch.float32, trust_remote_code=False
        ).eval()
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
    except LOAD_ERRORS as error:
        raise DataError(f"detector {name!r} cannot be loaded: {first_line(error)}") from error
    persons = tuple(
        index
        for index, label in model.config.id2label.items()
        if str(label).lower() in ("person", "people", "human", "pedestrian", "face")
    )
    if not persons:
        raise DataError(f"detector {name!r} knows no class 'person'")
    device.place(model)
    return PeopleDetector(model, processor, persons, device, abstains)
