"""COCO 2014 and 2017, in COCO's own JSON or Karpathy's split file, with Zhao et al.'s labels (2021) where
they are given.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, final

from pydantic import model_validator

from loopsim.config import Section
from loopsim.core.errors import DataError
from loopsim.core.group_labels import agreed
from loopsim.data.formats.corpus_format import CorpusFormat
from loopsim.data.image_ref import ImageRef
from loopsim.data.paths import inside, is_file, require, require_folder
from loopsim.data.reading import BadRow, Item, Reading, UnusableText, Values, clean_captions, label_of
from loopsim.data.tables import read_json, read_rows

Paths = str | tuple[str, ...]
MAX_LIST = 10_000  # characters that list the tones of a picture's people


@final
class CocoSource(Section):
    """COCO 2014 or 2017: `captions_*.json` files and image folders; or Karpathy's `dataset_coco.json` with
    the splits that are wanted.

    `labels` is Zhao et al.'s `images_val2014.csv`; with it only labelled images are read, if `labelled_only`.
    """

    format: Literal["coco"]
    images: Paths
    captions: Paths = ()
    karpathy: str | None = None
    karpathy_splits: tuple[str, ...] = ("train", "restval")
    labels: str | None = None
    labelled_only: bool = False

    @model_validator(mode="after")
    def _captions_come_from_one_place(self) -> "CocoSource":
        if bool(self.captions) == bool(self.karpathy):
            raise ValueError(
                "give captions (captions_*.json) or karpathy (dataset_coco.json), one of the two"
            )
        return self


def read_labels(path: Path, values: Values) -> Iterator[tuple[str, dict[str, str] | BadRow]]:
    """Yield (image id, labels) of `images_val2014.csv`: `bb_gender` and `bb_skin` of the largest person,
    `skin` a list with one word a person.

    "Both" and "Unsure" are no group. Where `skin` lists people of both tones the picture has none.
    """
    columns = ("skin", "bb_skin", "bb_gender")
    for line, row in read_rows(require(path, "table of labels"), ("id",), columns):
        key = _id(row["id"]) if row is not None else None
        if row is None or key is None:
            yield "", BadRow(f"{path.name}, line {line}", "the line cannot be read, or has no id")
            continue
        try:
            people = _people(row["skin"])
            tones = [{"skin_tone": tone} for word in people if (tone := _tone(word, values))]
            found = agreed(tones) if people else {}
            largest = label_of("skin_tone", _no_both(row["bb_skin"]), values)
            if not people and largest is not None:
                found["skin_tone"] = largest
            gender = label_of("gender", _no_both(row["bb_gender"]), values)
            yield key, found | ({"gender": gender} if gender else {})
        except UnusableText as error:
            yield key, BadRow(f"{path.name}, line {line}", str(error))


def _no_both(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() == "both" else value


def _tone(word: Any, values: Values) -> str | None:
    return label_of("skin_tone", _no_both(word), values)


def _id(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, (str, int)) else None


def _people(text: Any) -> list[Any]:
    """Return the list that the `skin` column spells out ("['Light', 'Dark']"), or nothing."""
    try:
        found = ast.literal_eval(text) if isinstance(text, str) and 0 < len(text) <= MAX_LIST else []
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return []
    return list(found) if isinstance(found, (list, tuple)) else []


def _captioned(source: CocoSource) -> Iterator[tuple[str | None, str, list[Any]]]:
    """Yield (image id or None, file name, captions) of every image that is asked for."""
    if source.karpathy is not None:
        path = Path(source.karpathy)
        content = read_json(path, "Karpathy split file")
        for entry in _entries(content, "images", path):
            if entry.get("split") in source.karpathy_splits:
                parts = (entry.get("filepath"), entry.get("filename"))
                name = "/".join(part for part in parts if isinstance(part, str) and part)
                given = entry.get("sentences")
                sentences = given if isinstance(given, list) else []
                captions = [sentence.get("raw") for sentence in sentences if isinstance(sentence, dict)]
                yield _id(entry.get("cocoid", entry.get("imgid", name))), name, captions
        return
    for file in [source.captions] if isinstance(source.captions, str) else source.captions:
        path = Path(file)
        content = read_json(path, "captions file")
        texts = defaultdict(list)
        for annotation in _entries(content, "annotations", path):
            texts[_id(annotation.get("image_id"))].append(annotation.get("caption"))
        for entry in _entries(content, "images", path):
            key, file_name = _id(entry.get("id")), entry.get("file_name")
            yield key, file_name if isinstance(file_name, str) else "", texts.get(key, [])


def _entries(content: Any, name: str, path: Path) -> list[dict[str, Any]]:
    entries = content.get(name) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError(f"{path}: no list {name!r} in it: not COCO's format")
    return [entry for entry in entries if isinstance(entry, dict)]


def read_coco(source: CocoSource, values: Values) -> Iterator[Reading]:
    """Yield an item for each image that has captions."""
    folders = [
        require_folder(Path(p), "folder of pictures")
        for p in ([source.images] if isinstance(source.images, str) else source.images)
    ]
    labels: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    if source.labels is not None:
        for image_id, found in read_labels(Path(source.labels), values):
            if isinstance(found, BadRow):
                yield found
            else:
                labels[image_id].append(found)
    for key, name, captions in _captioned(source):
        if key is None:
            yield BadRow(f"image {name}", "no id")
            continue
        if source.labels is not None and source.labelled_only and key not in labels:
            continue
        candidates = [inside(folder, part) for folder in folders for part in (name, name.rpartition("/")[2])]
        if not name or None in candidates:
            yield BadRow(f"image {key}", f"{name[:80]!r} is no file name within the image folders")
            continue
        path = next((p for p in candidates if p is not None and is_file(p)), candidates[0])
        try:
            texts = clean_captions(captions)
            for groups in labels.get(key, [{}]):  # rows that disagree are noticed where items of one key meet
                yield Item(key, ImageRef(str(path)), texts, groups)
        except UnusableText as error:
            yield BadRow(f"image {key}", str(error))


COCO = CorpusFormat("coco", CocoSource, read_coco)
