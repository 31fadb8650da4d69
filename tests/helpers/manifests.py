"""Small corpora as the survey reads them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loopsim.config import SPLITS, DataConfig, ResolvedDataConfig, config_from_tree
from loopsim.data.check import CorpusSummary, check_corpus, require_good
from loopsim.data.corpora import CORPORA
from loopsim.data.corpus import Corpus
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


def check(data: DataConfig, runs_dir: Path) -> CorpusSummary:
    """Read a corpus through as `loopsim data check --replace` does."""
    found = check_corpus(data, runs_dir, replace=True, num_rows=100, report=lambda split, done: None)
    require_good(found, data.max_bad_share)
    return found


def open_for_training(data: DataConfig, runs_dir: Path) -> tuple[Corpus, ResolvedDataConfig]:
    """Resolve and open a corpus as `loopsim start` does."""
    kind = CORPORA.get(data.corpus)
    resolved = kind.resolve(data, runs_dir, lambda split, done: None)
    assert kind.content_hash(resolved)
    return kind.open(resolved, seed=1), resolved


@dataclass(frozen=True)
class Drawn:
    """What training saw: pictures uint8 [32, 32, 3], captions, labels."""

    pictures: list[np.ndarray]
    captions: list[str]
    labels: list[str]


def draw(corpus: Corpus, data: ResolvedDataConfig, batch: int = 24) -> Drawn:
    """Read a batch of each split as the phases do."""
    pictures, captions, labels = [], [], []
    for split in SPLITS:
        number = min(batch, data.counts()[split])
        records = [corpus.train_record(i) for i in range(number)] if split == "train" else None
        records = records or corpus.records(split, number)
        pictures += corpus.images(records)
        captions += [caption for record in records for caption in record.captions]
        labels += [label for record in records for label in record.groups.values()]
    assert all(picture.shape == (32, 32, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert all(text.isprintable() for text in (*captions, *labels))
    return Drawn(pictures, captions, labels)
