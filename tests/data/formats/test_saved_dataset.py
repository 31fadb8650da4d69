"""A dataset that the library `datasets` has saved."""

from pathlib import Path

import pytest

from loopsim.core.errors import DataError
from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.survey import survey
from tests.helpers import corpora
from tests.helpers.manifests import data_config


def test_a_saved_dataset(tmp_path: Path) -> None:
    root = corpora.saved_dataset(tmp_path / "saved")
    source = {
        "format": "saved_dataset",
        "path": str(root),
        "split": "train",
        "caption_columns": ["text"],
        "labels": {"gender": "gender"},
    }
    config = data_config(train=source, holdout=0.3)
    manifest = survey(config, tmp_path / "m.sqlite")
    sizes = {
        "num_train": manifest.size("train"),
        "num_retrieval": manifest.size("retrieval"),
        "num_faces": manifest.size("retrieval"),
    }
    corpus = FilesCorpus(config.model_copy(update={"manifest": str(manifest.path)} | sizes), seed=0)
    for record in corpus.records("train", sizes["num_train"]):
        assert record.captions == (corpora.person(int(record.name))[2],)
        assert corpus.image(record).shape == (32, 32, 3)
    with pytest.raises(DataError, match="has the splits train"):
        survey(data_config(train=source | {"split": "test"}), tmp_path / "n.sqlite")
