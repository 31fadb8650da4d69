"""A folder of pictures with a table."""

from pathlib import Path

import pytest

from tests.helpers import corpora
from tests.helpers.manifests import entries_of, read_manifest


@pytest.mark.parametrize("table", ["captions.csv", "captions.jsonl"])
def test_a_folder_with_a_table(tmp_path: Path, table: str) -> None:
    manifest = read_manifest(
        tmp_path, train=corpora.folder_source(corpora.folder(tmp_path / "own", table=table)), holdout=0.3
    )
    found = entries_of(manifest) | entries_of(manifest, "retrieval")
    assert len(found) == 24
    assert manifest.size("retrieval") > 0
    assert found["pictures/004.png"].captions == ("a photo of a man with light skin", "the man")
    assert found["pictures/003.jpg"].groups == {"gender": "woman", "skin_tone": "darker"}
    tally = manifest.tally("train")
    assert tally.num_bad == 0
    assert sum(tally.groups["gender"].values()) == manifest.size("train")
