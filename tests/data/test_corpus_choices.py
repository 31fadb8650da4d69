"""Corpora and their formats are values: names are known or refused with the nearest one, and what a run
stores is complete and reads the same again.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loopsim.config import DataConfig, OpenMojiConfig, ResolvedDataConfig, Source, load_config
from loopsim.core.errors import ConfigError, DataError
from loopsim.core.rng import numpy_generator
from loopsim.data.corpora import CORPORA, check_data
from loopsim.data.corpus import US_WOMEN, ItemKey
from loopsim.data.files_corpus import FilesCorpus
from loopsim.data.formats import FORMATS, parse_source
from loopsim.data.formats.folder import FolderSource
from loopsim.data.openmoji import OpenMojiCorpus
from loopsim.data.survey import manifest_path, survey


def encoded(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(buffer, format="PNG")
    return buffer.getvalue()


def shades_folder(root: Path, num_pictures: int = 12) -> Path:
    """Pictures 0.png, 1.png, … of one shade each, and their table."""
    root.mkdir()
    for i in range(num_pictures):
        (root / f"{i}.png").write_bytes(encoded(i))
    rows = "".join(f"{i}.png,a picture of a {('man', 'woman')[i % 2]}\n" for i in range(num_pictures))
    (root / "table.csv").write_text("file,caption\n" + rows)
    return root


def files(**roles) -> DataConfig:
    return DataConfig.model_validate({"corpus": "files", "image_size": 8} | roles)


def test_every_format_and_corpus_is_there() -> None:
    assert set(FORMATS.names) >= {"coco", "webdataset", "fairface", "phase", "folder", "saved_dataset"}
    assert list(CORPORA.own) == ["files", "openmoji"]
    assert CORPORA.get("openmoji").knows_its_process
    assert not CORPORA.get("files").knows_its_process


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"corpus": "openmojo"}, "data.corpus = 'openmojo': not known; did you mean 'openmoji'?"),
        ({"corpus": "files"}, 'corpus = "files" needs [data.train] with a format'),
        ({"train": {"format": "folder", "path": "x"}}, '[data.train] is read with corpus = "files" only'),
        ({"image_size": 32}, "the pocket world's pictures are 64 pixels wide"),
        ({"num_faces": "all"}, 'give a number instead of "all"'),
        ({"options": {"x": 1}}, 'data.options = {x}: corpus = "openmoji" has none'),
    ],
)
def test_a_data_section_that_does_not_fit_its_corpus(tree: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_data(DataConfig.model_validate(tree))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"format": "foldr", "path": "x"}, "data.train.format = 'foldr': not known; did you mean 'folder'?"),
        (
            {"format": "folder", "pth": "x"},
            "unknown key 'data.train.pth'; did you mean 'data.train.path'?",
        ),
        ({"format": "folder"}, "data.train.path is missing"),
        ({"format": "folder", "path": 7}, "data.train.path = 7: input should be a valid string"),
        (
            {"format": "phase", "annotations": "a", "images": "b", "unit": "imge"},
            "data.train.unit = 'imge': input should be 'image' or 'region'; did you mean 'image'?",
        ),
        ({"format": "coco", "images": "x"}, "data.train: give captions (captions_*.json) or karpathy"),
    ],
)
def test_a_source_that_its_format_does_not_know(source: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_data(files(train=source))
    assert words in str(caught.value)


def test_a_held_out_source_is_named_by_its_own_key() -> None:
    data = files(train={"format": "folder", "path": "x"}, faces={"format": "fairface", "lables": "x"})
    with pytest.raises(ConfigError, match=r"key 'data\.faces\.lables'; did you mean 'data\.faces\.labels'"):
        check_data(data)


@pytest.mark.parametrize(
    "line",
    [
        "x = 2020-01-01",
        "x = inf",
        "x = " + "[" * 15 + "]" * 15,
        "[data.train." + ".".join("a" * 2000) + "]\nx = 1",
        "[data.options." + ".".join("a" * 2000) + "]\nx = 1",
    ],
)
def test_settings_that_could_not_be_stored_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "c.toml").write_text(
        f'[data]\ncorpus = "files"\n[data.train]\nformat = "folder"\npath = "x"\n{line}\n'
    )
    with pytest.raises(ConfigError, match=r"data\.(train|options): .*(deep|no text, number, list or table)"):
        load_config(str(tmp_path / "c.toml"))


def test_names_of_settings_are_data_only() -> None:
    tree = {"format": "folder", "path": "x", "model_config": "y", "__dict__": "z", "model_dump": "w"}
    source = Source.model_validate(tree)
    assert source.model_dump() == tree
    with pytest.raises(ConfigError, match=r"unknown key 'data\.train\.__dict__'"):
        parse_source(source, "data.train")


def test_a_source_reads_the_same_however_it_is_written() -> None:
    tree = {"path": "x", "labels": {"b": "2", "a": "1"}, "caption_columns": ["c"], "format": "folder"}
    one, other = Source.model_validate(tree), Source.model_validate(dict(reversed(tree.items())))
    assert one == other == Source.model_validate_json(one.model_dump_json())
    assert one.model_dump_json() == other.model_dump_json()
    settings = parse_source(one, "data.train")
    assert isinstance(settings, FolderSource)
    assert settings.caption_columns == ("c",)


def test_a_manifest_keeps_its_name_whether_defaults_are_written_out_or_not() -> None:
    short = files(train={"format": "folder", "path": "x"})
    long = files(train={"format": "folder", "path": "x", "table": None, "image_column": "file", "labels": {}})
    other = files(train={"format": "folder", "path": "y"})
    # The name that runs of schema 2 look for.
    assert manifest_path(short, Path("runs")) == Path("runs/manifests/7aaa73908ca0cbdd.sqlite")
    assert manifest_path(long, Path("runs")) == manifest_path(short, Path("runs"))
    assert manifest_path(other, Path("runs")) != manifest_path(short, Path("runs"))


def test_files_are_resolved_to_numbers_a_manifest_and_whole_sources(tmp_path: Path) -> None:
    data = files(train={"format": "folder", "path": str(shades_folder(tmp_path / "own"))}, holdout=0.4)
    kind = CORPORA.get("files")
    assert kind.known_sizes(data, tmp_path / "runs") == {}
    heard = []
    resolved = kind.resolve(data, tmp_path / "runs", lambda split, done: heard.append((split, done)))
    assert heard[-1] == ("train", 12)
    sizes = resolved.counts()
    assert sizes["train"] + sizes["retrieval"] == 12
    assert sizes["faces"] == sizes["retrieval"]
    assert kind.known_sizes(data, tmp_path / "runs") == sizes
    assert resolved.train is not None
    assert resolved.train.model_dump()["caption_columns"] == ("caption",)
    again = kind.resolve(resolved, tmp_path / "runs", lambda split, done: pytest.fail("it is read once"))
    assert again == resolved == ResolvedDataConfig.model_validate(json.loads(resolved.model_dump_json()))
    assert check_data(again) == again
    assert check_data(data).train == resolved.train
    assert kind.content_hash(resolved) == kind.content_hash(again)
    assert len(kind.open(resolved, 0).records("train", sizes["train"])) == sizes["train"]
    assert kind.professions(resolved) == US_WOMEN


def test_the_pocket_world_is_resolved_as_it_stands(tmp_path: Path) -> None:
    data, kind = DataConfig(), CORPORA.get("openmoji")
    check_data(data)
    resolved = kind.resolve(data, tmp_path, lambda split, done: None)
    assert resolved.model_dump() == data.model_dump()
    assert kind.content_hash(resolved) is None
    assert kind.professions(data)["mechanic"] == 0.018
    assert kind.open(resolved, 0).records("train", 2) == OpenMojiCorpus(data.openmoji, 0).records("train", 2)


def saved(folder: Path, column: str, shades: range) -> dict:
    """A saved dataset with its pictures in a column of that name, and a wrong one in "image"."""
    import datasets

    rows = {
        "image": [{"bytes": encoded(255), "path": None} for _ in shades],
        column: [{"bytes": encoded(shade), "path": None} for shade in shades],
        "caption": [f"shade {shade}" for shade in shades],
    }
    features = datasets.Features(
        {"caption": datasets.Value("string"), "image": datasets.Image(), column: datasets.Image()}
    )
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(folder)
    return {"format": "saved_dataset", "path": str(folder), "image_column": column}


def test_each_split_is_read_from_its_own_column(tmp_path: Path) -> None:
    data = files(
        train=saved(tmp_path / "a", "photo", range(0, 5)),
        retrieval=saved(tmp_path / "b", "picture", range(10, 14)),
        faces=saved(tmp_path / "c", "face", range(20, 23)),
    )
    manifest = survey(data, tmp_path / "m.sqlite")
    sizes = {f"num_{split}": manifest.size(split) for split in ("train", "retrieval", "faces")}
    corpus = FilesCorpus(ResolvedDataConfig.of(data, **sizes, manifest=str(manifest.path)), seed=0)
    for split, number in corpus.config.counts().items():
        records = corpus.records(split, number)
        for record, picture in zip(records, corpus.images(records), strict=True):
            assert record.captions == (f"shade {picture[0, 0, 0]}",)
            assert (picture == corpus.image(record)).all()


def test_a_key_has_one_written_form() -> None:
    assert str(ItemKey("train", 0, 17)) == "train/0/17"
    assert ItemKey.parse("faces/2/3") == ItemKey("faces", 2, 3)
    for text in ("train/0", "test/0/1", "train/x/1", "", "train/0/1/2"):
        with pytest.raises(DataError, match="is no item of a corpus"):
            ItemKey.parse(text)
    corpus = OpenMojiCorpus(OpenMojiConfig(), seed=5)
    assert corpus.train_record(17) == corpus.record("train/0/17") == corpus.records("train", 18)[17]
    # Keys name random draws, in this very form.
    expected = numpy_generator(5, "openmoji", "train/0/17")
    assert corpus.draw_scene(expected) == corpus.scene("train/0/17")
    assert np.array_equal(corpus.image(corpus.train_record(17)), corpus.image(corpus.record("train/0/17")))
