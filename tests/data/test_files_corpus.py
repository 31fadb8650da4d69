"""What was read is frozen: the same slot is the same picture."""

from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, DataError
from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.survey import survey
from tests.helpers import corpora
from tests.helpers.manifests import data_config


def test_the_same_slot_is_the_same_picture_and_changed_files_are_noticed(tmp_path: Path) -> None:
    root = corpora.folder(tmp_path / "own", 12)
    config = data_config(train=corpora.folder_source(root), holdout=0.3)
    manifest = survey(config, tmp_path / "m.sqlite")
    sizes = {
        "num_train": manifest.size("train"),
        "num_retrieval": manifest.size("retrieval"),
        "num_faces": manifest.size("retrieval"),
    }
    settled = config.model_copy(update={"manifest": str(manifest.path)} | sizes)
    one, two, other = (FilesCorpus(settled, seed) for seed in (1, 1, 2))
    names = [
        [record.name for record in corpus.records("train", sizes["num_train"])]
        for corpus in (one, two, other)
    ]
    assert names[0] == names[1]
    assert names[0] != names[2]
    assert sorted(names[0]) == sorted(names[2])
    record = one.records("train", 1)[0]
    (root / record.name).write_bytes(corpora.encoded(77, "PNG"))
    with pytest.raises(DataError, match="is not the picture that the manifest"):
        two.image(record)
    (root / record.name).unlink()
    with pytest.raises(DataError, match="No such file"):
        FilesCorpus(settled, 1).image(record)
    with pytest.raises(ConfigError, match="fresh_real"):
        one.record(f"train/1/{sizes['num_train'] - 1}")
