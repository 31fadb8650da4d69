"""PHASE (Garcia et al. 2023): people in Conceptual Captions, annotated for age, gender, skin tone, ethnicity,
emotion and activity.

`phase_gcc_*_regions_*.json` has one answer for each person and question, after a vote;
`phase_gcc_*_all_*.json` a list with one an annotator, on which the vote is taken here. Regions are (left,
top, right, bottom) in pixels.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, final

from loopsim.config import Section
from loopsim.core.errors import DataError
from loopsim.core.group_labels import agreed, attribute_name
from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.image_ref import ImageRef
from loopsim.data.paths import inside, is_file, require_folder
from loopsim.data.reading import BadRow, Item, Reading, UnusableText, Values, clean_captions, label_of
from loopsim.data.tables import read_json

# PHASE's age is not FairFace's: four groups, with babies and children as one (Chen et al. 2024).
MAX_EDGE = 1e6  # pixels
ATTRIBUTES = {"age": "age_group", "gender": "gender", "skin_tone": "skin_tone", "ethnicity": "ethnicity"}


@final
class PhaseSource(Section):
    """PHASE: its region-level or all-annotators JSON, and the folder of pictures, named by image id.

    `unit`: whole images, labelled where every annotated person agrees, or each person's region.
    """

    format: Literal["phase"]
    annotations: str
    images: str
    unit: Literal["image", "region"] = "image"


def vote(answers: Any) -> dict[str, Any]:
    """Return one answer per question: a dict as it is, of a list the most frequent answer unless two are
    equally frequent.
    """
    if isinstance(answers, Mapping):
        return dict(answers)
    votes: dict[str, Counter[str]] = {}
    for answer in answers if isinstance(answers, list) else []:
        for question, value in answer.items() if isinstance(answer, Mapping) else ():
            if question != "worker":
                # What is no word or number is nobody's answer.
                word = str(value) if isinstance(value, (str, int, float)) else ""
                votes.setdefault(question, Counter())[word] += 1
    ranked = {question: counter.most_common(2) for question, counter in votes.items()}
    return {question: top[0][0] for question, top in ranked.items() if len(top) == 1 or top[0][1] > top[1][1]}


def person_labels(annotations: Any, values: Values) -> dict[str, str]:
    """Return a person's labels by loopsim's attribute names. Raises UnusableText."""
    found = {}
    for question, answer in vote(annotations).items():
        attribute = ATTRIBUTES.get(attribute_name(question))
        if attribute is not None:
            found[attribute] = label_of(attribute, answer, values) or ""
    return found


def _box(region: Any) -> tuple[float, float, float, float] | None:
    if (
        not isinstance(region, (list, tuple))
        or len(region) != 4
        or not all(isinstance(edge, (int, float)) and abs(edge) < MAX_EDGE for edge in region)
    ):
        return None
    left, top, right, bottom = (float(edge) for edge in region)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _picture(folder: Path, image_id: str) -> Path | None:
    found = [inside(folder, f"{image_id}{suffix}") for suffix in ("", ".jpg", ".png", ".jpeg")]
    return next((path for path in found if path is not None and is_file(path)), found[0])


def read_phase(source: PhaseSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each image, labelled where all its annotated people agree, or for each person's
    region.
    """
    folder = require_folder(Path(source.images), "folder of pictures")
    content = read_json(Path(source.annotations), "annotations file")
    if not isinstance(content, dict):
        raise DataError(f"{source.annotations}: not PHASE's format, an object of image ids")
    for image_id, entry in content.items():
        path = _picture(folder, image_id)
        if path is None or not isinstance(entry, dict):
            yield BadRow(
                f"image {image_id[:80]}", "no file name within the folder of pictures, or no annotations"
            )
            continue
        people = {
            name: person
            for name, person in entry.items()
            if name.startswith("person") and isinstance(person, dict)
        }
        try:
            captions = clean_captions([entry.get("caption")])
            labels = {
                name: person_labels(person.get("annotations"), values) for name, person in people.items()
            }
        except UnusableText as error:
            yield BadRow(f"image {image_id}", str(error))
            continue
        if source.unit == "image":
            yield Item(image_id, ImageRef(str(path)), captions, agreed(labels.values()))
            continue
        for name, person in people.items():
            box = _box(person.get("region"))
            if box is None:
                yield BadRow(f"image {image_id}, {name}", "no region of four edges")
            else:
                yield Item(
                    f"{image_id}#{name}",
                    ImageRef(str(path), box=box),
                    captions,
                    {a: v for a, v in labels[name].items() if v},
                )


PHASE = CorpusFormat("phase", PhaseSource, read_phase)
