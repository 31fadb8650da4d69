"""Runs are found by name or path, and new ones are put nowhere but in the folder of runs."""

from pathlib import Path

import pytest

from loopsim.core.errors import ConfigError, RunNotFound
from loopsim.runs.catalog import MAX_NAME_BYTES, find_run, free_name, list_runs, new_place


def make_run(directory: Path) -> Path:
    (directory / "state.lmdb").mkdir(parents=True)
    (directory / "state.lmdb" / "data.mdb").touch()
    return directory


def test_a_path_is_as_given_and_a_name_is_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_run(tmp_path / "work" / "x").parent)
    inside = make_run(tmp_path / "work" / "runs" / "x")
    make_run(tmp_path / "work" / "y")
    make_run(tmp_path / "work" / "runs" / "work" / "x")  # what ../work/x would be inside runs/x
    runs = Path("runs")
    assert find_run(runs, "x").resolve() == inside
    for path in ("./x", "../work/x", str(tmp_path / "work" / "x")):
        assert find_run(runs, path).resolve() == tmp_path / "work" / "x"
    with pytest.raises(RunNotFound, match=r"write \./y"):
        find_run(runs, "y")
    with pytest.raises(RunNotFound, match=r"\.\./runs/x does not exist"):
        find_run(runs, "../runs/x")
    with pytest.raises(RunNotFound, match="did you mean x"):
        find_run(runs, "xx")


@pytest.mark.parametrize("name", ["a" * 300, "a/" + "b" * 300, "\udcff"])
def test_a_name_that_cannot_be_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunNotFound, match="does not exist"):
        find_run(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "not one name"),
        ("..", "not one name"),
        ("../x", "not one name"),
        ("a/b", "not one name"),
        ("/etc", "not one name"),
        (".hidden", "begins with '.'"),
        ("-x", "begins with '-'"),
        ("a\nb", "cannot be shown"),
        ("a\0b", "cannot be shown"),
        ("\x1b[31m", "cannot be shown"),
        ("ä" * 101, "has 202 bytes, more than 200"),
    ],
)
def test_a_new_runs_name_is_one_component(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        new_place(tmp_path, name)
    assert "--name" in str(caught.value)


def test_other_names_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("run-1", "mit Leerzeichen", "ä" * (MAX_NAME_BYTES // 2), "a..b"):
        assert new_place(tmp_path, name) == tmp_path / name


def test_a_file_is_no_folder_of_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for ask in (list_runs, lambda runs: new_place(runs, "x"), lambda runs: free_name(runs, "x")):
        with pytest.raises(ConfigError, match="file is a file; name the folder"):
            ask(tmp_path / "file")
    assert list_runs(tmp_path / "file" / "inside") == []
