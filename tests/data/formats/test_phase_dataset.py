"""PHASE by image and by region."""

from pathlib import Path

from tests.helpers import corpora
from tests.helpers.manifests import entries_of, read_manifest


def test_phase_by_image_and_by_region(tmp_path: Path) -> None:
    root = corpora.phase(tmp_path / "phase")
    own = corpora.folder_source(corpora.folder(tmp_path / "own"))
    source = {
        "format": "phase",
        "annotations": str(root / "phase_gcc_val_regions_20221101.json"),
        "images": str(root / "phase_images"),
    }
    found = entries_of(read_manifest(tmp_path, train=own, retrieval=source), "retrieval")
    assert found["0.jpg"].groups == {
        "age_group": "adult",
        "gender": "man",
        "skin_tone": "lighter",
        "ethnicity": "white",
    }
    assert found["1.jpg"].groups == {"skin_tone": "lighter"}  # the two people differ in all else
    assert found["2.jpg"].groups == {
        "age_group": "baby_and_child",
        "skin_tone": "lighter",
    }  # unsure and disagreement are no groups
    regions = entries_of(
        read_manifest(tmp_path, train=own, retrieval=source | {"unit": "region"}), "retrieval"
    )
    assert regions["1.jpg#person2"].groups == {
        "age_group": "baby_and_child",
        "gender": "woman",
        "skin_tone": "lighter",
    }
    assert regions["1.jpg#person2"].place.box == (30, 10, 55, 40)
    everyone = source | {"annotations": str(root / "phase_gcc_val_all_20221101.json")}
    voted = entries_of(read_manifest(tmp_path, train=own, retrieval=everyone), "retrieval")["2.jpg"].groups
    assert voted == {
        "age_group": "senior",
        "gender": "woman",
        "skin_tone": "lighter",
    }  # three ethnicities: no vote
