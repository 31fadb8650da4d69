"""The pictures of an audit, in a folder that `datasets` loads as `imagefolder`."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from loopsim.context.pictures import encode_picture
from loopsim.export.place import new_folder
from loopsim.export.text import unicode_text

OPTION = "--save-images"


@final
@dataclass(frozen=True)
class Drawn:
    """A picture of an audit, uint8 [h, w, 3]: the `repeat`-th of the prompt with that `number`, its seed, and
    what the classifier sees in it.
    """

    number: int
    repeat: int
    prompt: str
    seed: int
    labels: Mapping[str, str]
    image: np.ndarray


@contextmanager
def saved_pictures(path: Path | None) -> Iterator[Callable[[Drawn], object]]:
    """Yield what saves a picture into a new folder, as a PNG file and a line of metadata.jsonl; without a
    path it saves nothing. The folder is there once all went well. Raises ConfigError if the file system
    refuses.
    """
    if path is None:
        yield lambda picture: None
        return
    with new_folder(path, OPTION) as place, open(place / "metadata.jsonl", "w", encoding="utf-8") as file:

        def save(picture: Drawn) -> None:
            name = f"prompt{picture.number:03d}-{picture.repeat:04d}.png"
            (place / name).write_bytes(encode_picture(picture.image))
            line = {
                "file_name": name,
                "prompt": unicode_text(picture.prompt),
                "seed": picture.seed,
                "labels": dict(picture.labels),
                "synthetic": True,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

        yield save
