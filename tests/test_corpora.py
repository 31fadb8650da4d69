"""Real corpora are read in their publishers' formats; what cannot be used is skipped, counted and named; what
was read is frozen.
"""

import io
import json
import tarfile
from pathlib import Path

import corpora
import numpy as np
import pytest
from conftest import loopsim
from PIL import Image

from loopsim.config import DataConfig, config_from_tree
from loopsim.core.errors import ConfigError, DataError
from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.manifest import Manifest
from loopsim.data.survey import survey
from loopsim.runs.resolve import settle


def data(**roles) -> DataConfig:
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


def read(tmp_path: Path, **roles) -> Manifest:
    return survey(data(**roles), tmp_path / "manifest.sqlite")


def entries(manifest: Manifest, split: str = "train") -> dict:
    return {entry.key: entry for entry in (manifest.entry(split, i) for i in range(manifest.size(split)))}


def folder_source(root: Path, **more) -> dict:
    return {"format": "folder", "path": str(root), "labels": {"gender": "sex", "skin_tone": "skin"}} | more


@pytest.mark.parametrize("table", ["captions.csv", "captions.jsonl"])
def test_a_folder_with_a_table(tmp_path: Path, table: str) -> None:
    manifest = read(tmp_path, train=folder_source(corpora.folder(tmp_path / "own", table=table)), holdout=0.3)
    found = entries(manifest) | entries(manifest, "retrieval")
    assert len(found) == 24
    assert manifest.size("retrieval") > 0
    assert found["pictures/004.png"].captions == ("a photo of a man with light skin", "the man")
    assert found["pictures/003.jpg"].groups == {"gender": "woman", "skin_tone": "darker"}
    tally = manifest.tally("train")
    assert tally.num_bad == 0
    assert sum(tally.groups["gender"].values()) == manifest.size("train")


def test_coco_in_its_own_json_with_zhaos_labels(tmp_path: Path) -> None:
    root = corpora.coco(tmp_path / "coco")
    source = {
        "format": "coco",
        "images": str(root / "val2014"),
        "captions": str(root / "annotations/captions_val2014.json"),
    }
    found = entries(
        read(
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
    manifest = read(tmp_path, train=source, retrieval=source | {"karpathy_splits": ["test"]})
    assert set(entries(manifest)) == {"1000", "1001", "1004", "1005"}  # train and restval
    assert set(entries(manifest, "retrieval")) == {"1003", "1007"}


def test_webdataset_shards_of_which_some_are_missing(tmp_path: Path) -> None:
    root = corpora.shards(tmp_path / "cc3m")
    source = {
        "format": "webdataset",
        "shards": str(root / "{00000..00003}.tar"),
        "labels": {"gender": "gender", "skin_tone": "skin"},
    }
    manifest = read(tmp_path, train=source, holdout=0.3)
    tally = manifest.tally("train")
    assert manifest.size("train") + manifest.size("retrieval") == 10
    assert (tally.num_bad, tally.num_absent) == (0, 4)  # two shards, and two links that did not answer
    listed = tmp_path / "shards.txt"
    listed.write_text("\n".join(str(root / f"0000{i}.tar") for i in (0, 1)))
    assert read(tmp_path, train=source | {"shards": str(listed)}, holdout=0.3).hash == manifest.hash


def test_pictures_are_found_again_in_their_shard(tmp_path: Path) -> None:
    root = corpora.shards(tmp_path / "cc3m")
    config = data(
        train={"format": "webdataset", "shards": str(root / "{00000..00001}.tar")},
        retrieval=folder_source(corpora.folder(tmp_path / "own")),
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


def test_fairface_and_the_ages_that_spreadsheets_corrupt(tmp_path: Path) -> None:
    root = corpora.fairface(tmp_path / "fairface")
    faces = {"format": "fairface", "labels": str(root / "fairface_label_train.csv"), "images": str(root)}
    found = entries(
        read(tmp_path, train=folder_source(corpora.folder(tmp_path / "own")), faces=faces), "faces"
    )
    ages = ["0-2", "3-9", "10-19", "20-29", "3-9", "10-19", "70+", "50-59"]
    assert [found[f"train/{i + 1}.jpg"].groups["age"] for i in range(8)] == ages
    assert found["train/6.jpg"].groups == {"gender": "woman", "race": "latino_hispanic", "age": "10-19"}


def test_phase_by_image_and_by_region(tmp_path: Path) -> None:
    root = corpora.phase(tmp_path / "phase")
    own = folder_source(corpora.folder(tmp_path / "own"))
    source = {
        "format": "phase",
        "annotations": str(root / "phase_gcc_val_regions_20221101.json"),
        "images": str(root / "phase_images"),
    }
    found = entries(read(tmp_path, train=own, retrieval=source), "retrieval")
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
    regions = entries(read(tmp_path, train=own, retrieval=source | {"unit": "region"}), "retrieval")
    assert regions["1.jpg#person2"].groups == {
        "age_group": "baby_and_child",
        "gender": "woman",
        "skin_tone": "lighter",
    }
    assert regions["1.jpg#person2"].place.box == (30, 10, 55, 40)
    everyone = source | {"annotations": str(root / "phase_gcc_val_all_20221101.json")}
    voted = entries(read(tmp_path, train=own, retrieval=everyone), "retrieval")["2.jpg"].groups
    assert voted == {
        "age_group": "senior",
        "gender": "woman",
        "skin_tone": "lighter",
    }  # three ethnicities: no vote


def test_a_saved_dataset(tmp_path: Path) -> None:
    root = corpora.saved_dataset(tmp_path / "saved")
    source = {
        "format": "saved_dataset",
        "path": str(root),
        "split": "train",
        "caption_columns": ["text"],
        "labels": {"gender": "gender"},
    }
    config = data(train=source, holdout=0.3)
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
        survey(data(train=source | {"split": "test"}), tmp_path / "n.sqlite")


def bad_folder(tmp_path: Path) -> Path:
    root = corpora.folder(tmp_path / "bad", 8)
    (root / "pictures/001.png").write_bytes(corpora.encoded(1, "JPEG"))  # lies about its format
    (root / "pictures/002.png").write_bytes(corpora.encoded(2, "PNG")[:60])  # cut short
    (root / "pictures/004.png").write_text("<html>404</html>")
    buffer = io.BytesIO()
    Image.new("1", (50_000, 40)).save(buffer, format="PNG")
    (root / "pictures/005.png").write_bytes(buffer.getvalue())
    with (root / "captions.csv").open("a") as table:
        table.write(
            "pictures/007.png,,F,lighter\n../secret.png,a caption,F,lighter\n,no "
            "file,M,darker\npictures/missing.jpg,gone,M,darker\n"
        )
        table.write(
            f"pictures/000.jpg,{'word ' * 10_000},M,lighter\npictures/003.jpg,again,alien,lighter\n"
            "/etc/passwd,x,M,lighter\n"
        )
        table.write("pictures/006.jpg,\x1b[31mred\x1b[0m [bold]x[/bold] <script>,M,lighter\n")
    return root


def test_bad_rows_are_skipped_counted_and_named(tmp_path: Path) -> None:
    manifest = read(tmp_path, train=folder_source(bad_folder(tmp_path)), holdout=0.01)
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
    everything = entries(manifest) | entries(manifest, "retrieval")
    assert (
        "[31mred [0m [bold]x[/bold] <script>" in everything["pictures/006.jpg"].captions
    )  # no escape sequence is left
    assert set(entries(manifest)) | set(entries(manifest, "retrieval")) == {
        f"pictures/{i:03d}.{'png' if i % 3 else 'jpg'}" for i in (0, 3, 6, 7)
    }


def test_too_many_bad_rows_stop_a_run_and_say_which(tmp_path: Path) -> None:
    source = folder_source(bad_folder(tmp_path))
    tree = {
        "data": {"corpus": "files", "image_size": 32, "train": source, "holdout": 0.3},
        "classifier": {"kind": "zero_shot"},
    }
    tree |= {"generator": {"checkpoint": "x"}, "clip": {"model": "local-dir:x"}}
    with pytest.raises(DataError, match=r"rows are bad.*more than data\.max_bad_share"):
        settle(config_from_tree(tree, "t"), tmp_path / "runs")
    tree["data"]["max_bad_share"] = 1.0
    settled = settle(config_from_tree(tree, "t"), tmp_path / "runs")
    assert settled.data.counts()["train"] + settled.data.counts()["retrieval"] == 4
    tree["data"]["num_train"] = 50
    with pytest.raises(ConfigError, match="the corpus has"):
        settle(config_from_tree(tree, "t"), tmp_path / "runs")


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
    manifest = read(
        tmp_path, train={"format": "webdataset", "shards": str(root / "{00000..00002}.tar")}, holdout=0.01
    )
    found = {row.where: row.reason for row in manifest.bad_rows("train", 100)}
    assert "cut short" in found["00000.tar"]
    assert "cut short or damaged" in found["00002.tar"]
    assert "leads out of the shard" in found["00001.tar, ../evil.jpg"]
    assert "not a plain file" in found["00001.tar, link.jpg"]
    keys = set(entries(manifest)) | set(entries(manifest, "retrieval"))
    assert "00001/ok" in keys
    assert "00000/000000000" in keys
    assert not (tmp_path / "evil.jpg").exists()
    assert not (root.parent / "evil.jpg").exists()


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
        read(tmp_path, train=source)
    assert list(tmp_path.iterdir()) == []  # no half-written manifest stays


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    root = corpora.folder(tmp_path / "own")
    with pytest.raises(
        DataError, match=r"no column 'captoin'; its columns: 'file', 'caption'.*did you mean 'caption'"
    ):
        read(tmp_path, train={"format": "folder", "path": str(root), "caption_columns": ["captoin"]})


def test_free_text_is_no_attribute(tmp_path: Path) -> None:
    root = corpora.folder(tmp_path / "own", 90)
    with pytest.raises(DataError, match=r"'file_name' has \d+ different values"):
        read(tmp_path, train={"format": "folder", "path": str(root), "labels": {"file name": "file"}})


def test_the_same_slot_is_the_same_picture_and_changed_files_are_noticed(tmp_path: Path) -> None:
    root = corpora.folder(tmp_path / "own", 12)
    config = data(train=folder_source(root), holdout=0.3)
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


def test_data_check_counts_lists_and_freezes(tmp_path: Path) -> None:
    root = bad_folder(tmp_path)
    config = tmp_path / "own.toml"
    config.write_text(
        '[data]\ncorpus = "files"\nimage_size = 32\nmax_bad_share = 1.0\n[data.train]\nformat = '
        f'"folder"\npath = "{root}"\n'
        'labels = {gender = "sex"}\n[classifier]\nkind = "zero_shot"\n[generator]\ncheckpoint = '
        '"x"\n[clip]\nmodel = "local-dir:x"\n'
    )
    where = ["--runs-dir", str(tmp_path / "runs")]
    first = loopsim("data", "check", str(config), *where)
    assert first.returncode == 0, first.stderr
    assert "frozen now" in first.stdout
    assert "skipped" in first.stdout
    assert "\x1b[31m" not in first.stdout
    found = json.loads(loopsim("data", "check", str(config), "--json", *where).stdout)
    assert found["state"] == "as frozen"
    assert sum(split["num_images"] for split in found["splits"]) == 4
    assert found["splits"][0]["groups"]["gender"]
    (root / "pictures/007.png").write_bytes(corpora.encoded(55, "PNG"))
    changed = loopsim("data", "check", str(config), *where)
    assert changed.returncode == 6
    assert "--replace" in changed.stderr
    assert loopsim("data", "check", str(config), "--replace", *where).returncode == 0
    assert "Traceback" not in changed.stderr
    strict = loopsim("data", "check", str(config), "--set", "data.max_bad_share=0.01", "--replace", *where)
    assert strict.returncode == 9
