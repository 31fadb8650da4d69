"""A user's own corpus: twenty lines and an entry point, in a package that is only installed."""

import sys
from pathlib import Path

import numpy as np
import pytest

from loopsim.config import DataConfig, ResolvedDataConfig
from loopsim.core.errors import ConfigError, DataError
from loopsim.data.corpora import CORPORA, check_data

PACKAGE = '''
import numpy as np

from loopsim.data.own_corpus import Example, ListedCorpusKind, Listing


class Squares(Listing):
    """Grey squares, one a shade; odd ones are women's."""

    def __init__(self, options, image_size):
        self.num_shades, self.image_size = options.get("num_shades", 12), image_size

    def items(self, split):
        if split == "faces":
            return []
        return [
            Example((f"a square of shade {i}",), {"sex": "F" if i % 2 else "M"}, f"shade {i}")
            for i in range(self.num_shades)
        ]

    def picture(self, split, position):
        return np.full((self.image_size, self.image_size, 3), position, np.uint8)


SQUARES = ListedCorpusKind("squares", Squares)
'''


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str = PACKAGE) -> None:
    """Lay a package out as pip does, module and metadata, in a folder that Python imports from."""
    (folder / "grey_squares.py").write_text(source)
    metadata = folder / "grey_squares-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: grey-squares\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text("[loopsim.corpora]\nsquares = grey_squares:SQUARES\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "grey_squares", raising=False)
    # What is installed is asked for once a process.
    monkeypatch.delitem(vars(CORPORA), "_added", raising=False)


@pytest.fixture(autouse=True)
def _forget_the_package():
    yield
    vars(CORPORA).pop("_added", None)
    sys.modules.pop("grey_squares", None)


def resolved(tmp_path: Path, **settings) -> ResolvedDataConfig:
    data = DataConfig.model_validate({"corpus": "squares", "image_size": 8} | settings)
    check_data(data)
    return CORPORA.get("squares").resolve(data, tmp_path, lambda split, done: None)


def test_twenty_lines_and_an_entry_point_make_a_corpus(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, monkeypatch)
    data = resolved(tmp_path, options={"num_shades": 6}, num_train=3)
    assert data.counts() == {"train": 3, "retrieval": 6, "faces": 6}
    corpus = CORPORA.get("squares").open(data, seed=1)
    first = corpus.records("train", 3)
    fresh = corpus.records("train", 3, draw=1)
    assert {record.name for record in (*first, *fresh)} == {f"shade {i}" for i in range(6)}
    assert corpus.train_record(2) == first[2]
    assert corpus.train_record(2, draw=1) == fresh[2]
    for record in first:
        shade = int(record.name.removeprefix("shade "))
        assert (corpus.image(record) == shade).all()
        assert record.groups == {"gender": "woman" if shade % 2 else "man"}
    assert corpus.attributes("faces") == {"gender": ("man", "woman")}
    assert [record.name for record in corpus.records("faces", 6)] == [
        record.name for record in corpus.records("retrieval", 6)
    ]
    assert CORPORA.get("squares").open(data, seed=1).records("train", 3) == first
    assert CORPORA.get("squares").open(data, seed=2).records("train", 3) != first


def test_what_was_listed_is_noticed_to_change_and_the_package_is_known(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, monkeypatch)
    kind = CORPORA.get("squares")
    assert kind.content_hash(resolved(tmp_path)) == kind.content_hash(resolved(tmp_path))
    assert kind.content_hash(resolved(tmp_path)) != kind.content_hash(
        resolved(tmp_path, options={"num_shades": 5})
    )
    origin = CORPORA.origin("squares")
    assert origin is not None
    assert (origin.package, origin.version) == ("grey-squares", "1.2")


def test_it_says_what_is_wrong(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match=r"data.corpus = 'sqares': not known; did you mean 'squares'"):
        check_data(DataConfig(corpus="sqares"))
    with pytest.raises(ConfigError, match=r"\[data.faces\] is read with corpus = \"files\" only"):
        resolved(tmp_path, faces={"format": "folder", "path": "x"})
    with pytest.raises(ConfigError, match=r"data.num_train = 13: the corpus has 12"):
        resolved(tmp_path, num_train=13)
    with pytest.raises(DataError, match="lists no item for train"):
        resolved(tmp_path, options={"num_shades": 0})
    corpus = CORPORA.get("squares").open(resolved(tmp_path), seed=0)
    with pytest.raises(ConfigError, match="fresh_real"):
        corpus.train_record(0, draw=1)
    with pytest.raises(ConfigError, match="whose process is known"):
        corpus.oracle("a square", 0.0, np.random.default_rng(0))
    assert not CORPORA.get("squares").knows_its_process


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('{"sex": "F" if i % 2', '{"sex": "X" if i % 2', r"train item 1: gender = 'X' is none of man, woman"),
        ('(f"a square of shade {i}",)', "()", "train item 0: no caption"),
    ],
)
def test_items_that_cannot_be_used_are_named(tmp_path, monkeypatch, before, after, words) -> None:
    assert before in PACKAGE
    install(tmp_path, monkeypatch, PACKAGE.replace(before, after))
    with pytest.raises(DataError, match=words):
        resolved(tmp_path)


def test_a_picture_of_another_size_is_refused(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, PACKAGE.replace("np.full((self.image_size, ", "np.full((9, "))
    corpus = CORPORA.get("squares").open(resolved(tmp_path), seed=0)
    with pytest.raises(DataError, match=r"uint8 of shape \[9, 8, 3\], not uint8 of shape \[8, 8, 3\]"):
        corpus.image(corpus.train_record(0))


def test_a_package_that_cannot_be_imported_matters_only_to_who_uses_it(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, "import no_such_module\n")
    check_data(DataConfig())
    with pytest.raises(ConfigError, match=r"grey-squares 1.2, which cannot be imported.*no_such_module"):
        check_data(DataConfig(corpus="squares"))
