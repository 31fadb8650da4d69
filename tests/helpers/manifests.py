"""Small corpora as the survey reads them."""

from pathlib import Path

from loopsim.config import DataConfig, config_from_tree
from loopsim.data.manifest import Manifest
from loopsim.data.survey import survey


def data_config(**roles) -> DataConfig:
    """The config's section [data] for a corpus on files whose roles have these sources."""
    tree = {"corpus": "files", "image_size": 32} | roles
    return config_from_tree(
        {
            "data": tree,
            "classifier": {"kind": "zero_shot"},
            "generator": {"checkpoint": "x"},
            "clip": {"model": "local-dir:x"},
        },
        "t",
    ).data


def read_manifest(tmp_path: Path, **roles) -> Manifest:
    """Survey such a corpus and return its manifest, which is written to `tmp_path`."""
    return survey(data_config(**roles), tmp_path / "manifest.sqlite")


def entries_of(manifest: Manifest, split: str = "train") -> dict:
    """A split's entries by their keys."""
    return {entry.key: entry for entry in (manifest.entry(split, i) for i in range(manifest.size(split)))}
