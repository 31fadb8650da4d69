"""Shards as img2dataset writes them: of which some are missing, some damaged, some hostile."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.survey import survey
from tests.helpers import corpora
from tests.helpers.manifests import data_config, entries_of, read_manifest


def test_webdataset_shards_of_which_some_are_missing(tmp_path: Path) -> None:
    root = corpora.shards(tmp_path / "cc3m")
    source = {
        "format": "webdataset",
        "shards": str(root / "{00000..00003}.tar"),
        "labels": {"gender": "gender", "skin_tone": "skin"},
    }
    manifest = read_manifest(tmp_path, train=source, holdout=0.3)
    tally = manifest.tally("train")
    assert manifest.size("train") + manifest.size("retrieval") == 10
    assert (tally.num_bad, tally.num_absent) == (0, 4)  # two shards, and two links that did not answer
    listed = tmp_path / "shards.txt"
    listed.write_text("\n".join(str(root / f"0000{i}.tar") for i in (0, 1)))
    assert read_manifest(tmp_path, train=source | {"shards": str(listed)}, holdout=0.3).hash == manifest.hash


def test_pictures_are_found_again_in_their_shard(tmp_path: Path) -> None:
    root = corpora.shards(tmp_path / "cc3m")
    config = data_config(
        train={"format": "webdataset", "shards": str(root / "{00000..00001}.tar")},
        retrieval=corpora.folder_source(corpora.folder(tmp_path / "own")),
    )
    manifest = survey(config, tmp_path / "m.sqlite")
    corpus = FilesCorpus(
        config.model_copy(
            update={"manifest": str(manifest.path), "num_train": 10, "num_retrieval": 24, "num_faces": 24}
        ),
        seed=3,
    )
    for record in corpus.records("train", 10):
        seed = int(record.name[-9:-4]) * 5 + int(record.name[-4:])
        expected = np.asarray(
            Image.open(io.BytesIO(corpora.encoded(seed)))
            .convert("RGB")
            .resize((36, 32), Image.Resampling.BICUBIC)
        )[:, 2:34]
        assert np.abs(corpus.image(record).astype(int) - expected).mean() < 1
        assert record.captions == (corpora.person(seed)[2],)
    assert corpus.image(corpus.records("train", 1)[0]).shape == (32, 32, 3)


def test_bad_shards(tmp_path: Path) -> None:
    root = corpora.shards(tmp_path / "cc3m", 3)
    whole = (root / "00000.tar").read_bytes()
    (root / "00000.tar").write_bytes(whole[: len(whole) * 2 // 3])
    picture = corpora.encoded(99)
    corpora.write_tar(
        root / "00001.tar",
        [
            ("../evil.jpg", picture),
            ("../evil.txt", b"x"),
            ("/abs.jpg", picture),
            ("ok.jpg", picture),
            ("ok.txt", b"fine"),
        ],
    )
    (root / "00002.tar").write_bytes(b"\x00\x01nonsense" * 100)
    with tarfile.open(root / "00001.tar", "a") as tar:
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    manifest = read_manifest(
        tmp_path, train={"format": "webdataset", "shards": str(root / "{00000..00002}.tar")}, holdout=0.01
    )
    found = {row.where: row.reason for row in manifest.bad_rows("train", 100)}
    assert "cut short" in found["00000.tar"]
    assert "cut short or damaged" in found["00002.tar"]
    assert "leads out of the shard" in found["00001.tar, ../evil.jpg"]
    assert "not a plain file" in found["00001.tar, link.jpg"]
    keys = set(entries_of(manifest)) | set(entries_of(manifest, "retrieval"))
    assert "00001/ok" in keys
    assert "00000/000000000" in keys
    assert not (tmp_path / "evil.jpg").exists()
    assert not (root.parent / "evil.jpg").exists()
