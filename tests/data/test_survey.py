"""What cannot be used is skipped, counted and named; what is missing is said."""

from pathlib import Path

import pytest

from loopsim.core.errors import DataError
from tests.helpers import corpora
from tests.helpers.manifests import entries_of, read_manifest


def test_bad_rows_are_skipped_counted_and_named(tmp_path: Path) -> None:
    manifest = read_manifest(
        tmp_path, train=corpora.folder_source(corpora.bad_folder(tmp_path)), holdout=0.01
    )
    found = {
        row.where: row.reason for split in ("train", "retrieval") for row in manifest.bad_rows(split, 100)
    }
    assert "its name says PNG, its content is JPEG" in found["pictures/001.png"]
    assert "cut short or damaged" in found["pictures/002.png"] or "not a picture" in found["pictures/002.png"]
    assert "not a picture" in found["pictures/004.png"]
    assert "50000 x 40 pixels" in found["pictures/005.png"]
    reasons = " | ".join(found.values())
    for words in (
        "leads out of the folder",
        "no file",
        "No such file",
        "a caption of 10,000 words",
        "'alien' is none of man, woman",
    ):
        assert words in reasons, (words, found)
    everything = entries_of(manifest) | entries_of(manifest, "retrieval")
    assert (
        "[31mred [0m [bold]x[/bold] <script>" in everything["pictures/006.jpg"].captions
    )  # no escape sequence is left
    assert set(entries_of(manifest)) | set(entries_of(manifest, "retrieval")) == {
        f"pictures/{i:03d}.{'png' if i % 3 else 'jpg'}" for i in (0, 3, 6, 7)
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"format": "folder", "path": "nowhere"}, "nowhere: no such folder"),
        ({"format": "webdataset", "shards": "no/{0..3}.tar"}, "no such shard"),
        ({"format": "webdataset", "shards": "x.tar.gz"}, "unpack it once"),
        ({"format": "coco", "images": ".", "captions": "none.json"}, "none.json: no such captions file"),
        ({"format": "fairface", "labels": "none.csv", "images": "."}, "none.csv: no such table"),
        ({"format": "phase", "annotations": "none.json", "images": "."}, "none.json: no such annotations"),
        ({"format": "saved_dataset", "path": "none"}, "none: no such saved dataset"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, source: dict, words: str) -> None:
    with pytest.raises(DataError, match=words.replace("{", r"\{")):
        read_manifest(tmp_path, train=source)
    assert list(tmp_path.iterdir()) == []  # no half-written manifest stays


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    root = corpora.folder(tmp_path / "own")
    with pytest.raises(
        DataError, match=r"no column 'captoin'; its columns: 'file', 'caption'.*did you mean 'caption'"
    ):
        read_manifest(tmp_path, train={"format": "folder", "path": str(root), "caption_columns": ["captoin"]})


def test_free_text_is_no_attribute(tmp_path: Path) -> None:
    root = corpora.folder(tmp_path / "own", 90)
    with pytest.raises(DataError, match=r"'file_name' has \d+ different values"):
        read_manifest(
            tmp_path, train={"format": "folder", "path": str(root), "labels": {"file name": "file"}}
        )
