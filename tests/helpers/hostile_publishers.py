"""COCO, PHASE and FairFace as somebody made them to do harm: each with what `data check` has to say about
it.
"""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.helpers import corpora
from tests.helpers.hostile_corpora import Corpora

PUBLISHED = Corpora()
OUTSIDE = "../../outside/secret.png"
hostile = PUBLISHED.add


def coco(root: Path, change: Callable[[dict], object] | bytes, role: str = "captions") -> dict:
    made = corpora.coco(root / "corpus", 4)
    path = made / ("annotations/captions_val2014.json" if role == "captions" else "dataset_coco.json")
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    images = str(made / "val2014") if role == "captions" else str(made)
    return {"format": "coco", "images": images, role: str(path)}


_images = {
    "unhashable ids": (lambda c: c["annotations"].append({"image_id": [1], "caption": "x"}), None),
    "no ids": (lambda c: c["images"][0].update(id={"a": []}), "no id"),
    "a name that leads out": (lambda c: c["images"][0].update(file_name=OUTSIDE), "no file name"),
    "names of other kinds": (lambda c: c["images"][0].update(file_name=["x"]), "no file name"),
    "surrogates": (lambda c: c["images"][0].update(id="\ud800", file_name="\udfff"), "image"),
    "a key of 3 MB": (lambda c: c["images"][0].update(id="k" * 3_000_000), "no name that a picture"),
    "captions of other kinds": (lambda c: c["annotations"][0].update(caption={"x": float("nan")}), None),
}  # fmt: skip
for _name, (_change, _counted) in _images.items():
    hostile(f"coco: {_name}", counted=_counted)(lambda root, change=_change: coco(root, change))
for _name, (_content, _words) in {
    "deep JSON": (b"[" * 5_000_000, "not valid JSON"),
    "a huge integer": (b'{"images": ' + b"9" * 100_000 + b"}", "not valid JSON"),
    "forty million lists": (b"[" + b"[]," * 15_000_000 + b"[]]", "GB in memory"),
    "not COCO": (b'{"images": {}, "annotations": 7}', "no list"),
    "bytes that are no text": (b"\xff\xfe\x00", "not valid JSON"),
}.items():
    hostile(f"coco: {_name}", refused=_words)(lambda root, content=_content: coco(root, content))


@hostile("coco: Karpathy's sentences of another kind", counted="no id")
def _(root: Path) -> dict:
    source = coco(root, lambda c: c["images"][0].update(sentences=5, cocoid=[1], filepath={}), "karpathy")
    return source | {"karpathy_splits": ["restval", "val", "test", "train"]}


@hostile("coco: labels that are programs", counted="no id")
def _(root: Path) -> dict:
    source = coco(root, lambda c: None)
    labels = root / "corpus/images_val2014.csv"
    with labels.open("a", newline="") as file:
        table = csv.writer(file)
        table.writerow(["1002", "val", "Male", "Light", "__import__('os').system('touch evil')"])
        table.writerow(["1003", "val", "Male", "Light", "(" * 9000])
        table.writerow(["", "val", "Male", "Light", ""])
    return source | {"labels": str(labels)}


@hostile("coco: captions are a pipe", refused="a pipe")
def _(root: Path) -> dict:
    source = coco(root, lambda c: None)
    Path(source["captions"]).unlink()
    os.mkfifo(source["captions"])
    return source


def phase(root: Path, change: Callable[[dict], object], unit: str = "region") -> dict:
    made = corpora.phase(root / "corpus")
    path = made / "phase_gcc_val_regions_20221101.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return {"format": "phase", "annotations": str(path), "images": str(made / "phase_images"), "unit": unit}


_boxes: dict[str, tuple[list, str]] = {
    "infinite": ([0, 0, float("inf"), 9], "no region"),
    "no numbers": ([0, float("nan"), 9, 9], "no region"),
    "of 10^300 pixels": ([0, 0, 1e300, 1e300], "no pixels|no region"),
    "of 30,000 x 30,000 pixels": ([-5, -5, 30_000, 30_000], "no shape"),
    "beside the picture": ([500, 500, 600, 600], "empty"),
}
for _name, (_region, _words) in _boxes.items():
    hostile(f"phase: a region {_name}", counted=_words)(
        lambda root, region=_region: phase(root, lambda c: c["0.jpg"]["person1"].update(region=region))
    )


@hostile("phase: an integer of 400 digits", counted="no region|no pixels")
def _(root: Path) -> dict:
    return phase(root, lambda c: c["0.jpg"]["person1"].update(region=[0, 0, 10**400, 9]))


@hostile("phase: answers of other kinds", counted="no label")
def _(root: Path) -> dict:
    def change(content: dict) -> None:
        deep: list = []
        for _ in range(300):
            deep = [deep]
        content["0.jpg"]["person1"]["annotations"] = [{"gender": deep}, {"gender": {}}, 7]
        content["1.jpg"]["person1"]["annotations"] = {"gender": deep}

    return phase(root, change, "image")


@hostile("phase: image ids that lead out", counted="no file name")
def _(root: Path) -> dict:
    return phase(root, lambda c: c.update({"../../outside/secret.png": c["0.jpg"], "\ud800": c["0.jpg"]}))


@hostile("fairface: rows that are too short, as JSONL", counted="no file", role="faces")
def _(root: Path) -> dict:
    made = corpora.fairface(root / "corpus")
    table = made / "labels.jsonl"
    table.write_text('{"file": "train/1.jpg"}\n{"file": 7}\n{"file": ["a"]}\n{}\n[]\n')
    return {"format": "fairface", "labels": str(table), "images": str(made)}


@hostile("fairface: the folder is a file", refused="no folder", role="faces")
def _(root: Path) -> dict:
    made = corpora.fairface(root / "corpus")
    table = str(made / "fairface_label_train.csv")
    return {"format": "fairface", "labels": table, "images": table}
