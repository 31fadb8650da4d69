"""A picture whose rows disagree about an attribute counts for no group of it, and is counted and named."""

import csv
from pathlib import Path

from loopsim.data.manifest import Disagreement
from tests.helpers import corpora
from tests.helpers.manifests import check, data_config, entries_of, read_manifest


def own_folder(root: Path, rows: list[tuple[str, str, str]]) -> dict:
    """A folder's source: a row (file, caption, gender) each; pictures 0.png to 9.png are there."""
    root.mkdir(parents=True)
    for i in range(10):
        (root / f"{i}.png").write_bytes(corpora.encoded(i, "PNG"))
    with (root / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "caption", "sex"), *rows])
    return {"format": "folder", "path": str(root), "labels": {"gender": "sex"}}


def test_rows_that_disagree_leave_a_picture_without_that_group(tmp_path: Path) -> None:
    rows = [
        ("0.png", "one", "F"), ("0.png", "two", "M"), ("0.png", "three", "F"),  # no third row settles it
        ("1.png", "one", "F"), ("1.png", "two", "woman"),  # the same in other words
        ("2.png", "one", ""), ("2.png", "two", "M"),  # an empty cell says nothing
        ("3.png", "one", "M"), ("3.png", "two", "unsure"),
        ("4.png", "one", "M"), ("./4.png", "two", "F"),  # one file by two spellings
    ]  # fmt: skip
    manifest = read_manifest(tmp_path, train=own_folder(tmp_path / "own", rows), holdout=1e-9)
    found = entries_of(manifest)
    assert {name: entry.groups for name, entry in found.items()} == {
        "0.png": {},
        "1.png": {"gender": "woman"},
        "2.png": {"gender": "man"},
        "3.png": {"gender": "man"},
        "4.png": {},
    }
    assert found["0.png"].captions == ("one", "two", "three")
    assert manifest.tally("train").groups == {"gender": {"woman": 1, "man": 2}}
    assert manifest.disagreements("train", 10) == [
        Disagreement("0.png", "gender", ("man", "woman")),
        Disagreement("4.png", "gender", ("man", "woman")),
    ]
    assert manifest.num_disagreements("train") == 2
    assert len(manifest.disagreements("train", 1)) == 1
    assert manifest.num_disagreements("retrieval") == 0


def test_a_label_table_that_names_a_picture_twice_is_told_too(tmp_path: Path) -> None:
    root = corpora.coco(tmp_path / "coco")
    with (root / "images_val2014.csv").open("a") as table:
        table.write("1002,val,Female,Dark,['Dark']\n")  # a man of darker skin by the row before
    source = {
        "format": "coco",
        "images": str(root / "val2014"),
        "captions": str(root / "annotations/captions_val2014.json"),
        "labels": str(root / "images_val2014.csv"),
    }
    manifest = read_manifest(tmp_path, train=source, holdout=1e-9)
    assert entries_of(manifest)["1002"].groups == {"skin_tone": "darker"}
    assert len(entries_of(manifest)["1002"].captions) == 5
    assert manifest.disagreements("train", 10) == [Disagreement("1002", "gender", ("man", "woman"))]


def test_the_check_counts_and_names_them(tmp_path: Path) -> None:
    rows = [(f"{i}.png", "a", "F") for i in range(10)] + [("7.png", "b", "M")]
    found = check(data_config(train=own_folder(tmp_path / "own", rows), holdout=1e-9), tmp_path)
    split = found.splits[0]
    assert (split.num_images, split.num_disagreements) == (10, 1)
    assert split.disagreements == [Disagreement("7.png", "gender", ("man", "woman"))]
