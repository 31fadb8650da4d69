"""COCO in its own JSON, in Karpathy's split, with Zhao et al.'s labels."""

from pathlib import Path

from tests.helpers import corpora
from tests.helpers.manifests import entries_of, read_manifest


def test_coco_in_its_own_json_with_zhaos_labels(tmp_path: Path) -> None:
    root = corpora.coco(tmp_path / "coco")
    source = {
        "format": "coco",
        "images": str(root / "val2014"),
        "captions": str(root / "annotations/captions_val2014.json"),
    }
    found = entries_of(
        read_manifest(
            tmp_path,
            train=source,
            retrieval=source | {"labels": str(root / "images_val2014.csv"), "labelled_only": True},
        ),
        "retrieval",
    )
    assert len(found) == 7  # the eighth has no labels
    assert found["1002"].groups == {"gender": "man", "skin_tone": "darker"}
    assert found["1003"].groups == {"gender": "woman", "skin_tone": "darker"}
    assert found["1000"].groups == {}  # both genders, both tones
    assert found["1001"].groups == {}  # unsure
    assert [len(entry.captions) for entry in found.values()] == [5] * 7
    assert all("\n" not in caption for entry in found.values() for caption in entry.captions)


def test_cocos_karpathy_split(tmp_path: Path) -> None:
    root = corpora.coco(tmp_path / "coco")
    source = {"format": "coco", "images": str(root), "karpathy": str(root / "dataset_coco.json")}
    manifest = read_manifest(tmp_path, train=source, retrieval=source | {"karpathy_splits": ["test"]})
    assert set(entries_of(manifest)) == {"1000", "1001", "1004", "1005"}  # train and restval
    assert set(entries_of(manifest, "retrieval")) == {"1003", "1007"}
