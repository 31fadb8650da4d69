"""FairFace, and the ages that spreadsheets corrupt."""

from pathlib import Path

from tests.helpers import corpora
from tests.helpers.manifests import entries_of, read_manifest


def test_fairface_and_the_ages_that_spreadsheets_corrupt(tmp_path: Path) -> None:
    root = corpora.fairface(tmp_path / "fairface")
    faces = {"format": "fairface", "labels": str(root / "fairface_label_train.csv"), "images": str(root)}
    found = entries_of(
        read_manifest(tmp_path, train=corpora.folder_source(corpora.folder(tmp_path / "own")), faces=faces),
        "faces",
    )
    ages = ["0-2", "3-9", "10-19", "20-29", "3-9", "10-19", "70+", "50-59"]
    assert [found[f"train/{i + 1}.jpg"].groups["age"] for i in range(8)] == ages
    assert found["train/6.jpg"].groups == {"gender": "woman", "race": "latino_hispanic", "age": "10-19"}
