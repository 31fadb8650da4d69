"""What a person does wrong is told in one line, with the way out, and the class's exit code."""

import os
import re
import shutil
from pathlib import Path

import pytest

from loopsim.core.errors import refused
from tests.helpers.command_line import in_runs, loaded_after, loopsim_here

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, with one of them and a file."""
    made = tmp_path_factory.mktemp("errors")
    shutil.copytree(FIXTURES / "store-v2", made / "runs" / "store-v2")
    (made / "file").touch()
    return made


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "store-v2", "-o", "nodir/x.png"], 2, "there is no folder nodir"),
        (["show", "store-v2", "-o", "."], 2, "is a folder"),
        (["show", "store-v2", "-g", "-1"], 3, "no generation -1; it has 0 to 1"),
        (["show", "store-v2", "-g", "99999999999"], 3, "it has 0 to 1"),
        (["resume", "a" * 300], 3, "does not exist"),
        (["start", "--generations", "1000000000"], 2, "less than or equal to 10000"),
        (["start", "--name", "../x"], 2, "not one name"),
        (["start", "--name", "a" * 250], 2, "250 bytes"),
        (["fork", "store-v2", "--at", "1", "--name", "a/b"], 2, "not one name"),
        (["sweep", "--name", ".."], 2, "not one name"),
        (["torture", "--name", "../runs"], 2, "not one name"),
        (["torture", "--name", "store-v2"], 4, "choose another --name"),
        (["gc", "store-v2", "--keep", "first"], 2, "--keep first"),
        (["start", "a\x1b[31mb.toml"], 2, "a\ufffd[31mb.toml: no such config file"),
        (["start", "a\nloopsim: done.toml"], 2, "\n  loopsim: done.toml"),
        (["verify", "\x1b]0;x\x07", "y"], 2, "Got unexpected extra argument"),
        (["--nothing"], 2, "--help"),
    ],
)
def test_one_line_says_what_is_wrong(folder: Path, arguments: list[str], code: int, words: str) -> None:
    before = sorted(folder.rglob("*"))
    where = [] if arguments[0].startswith("-") else in_runs(folder / "runs")
    failed = loopsim_here(*arguments, *where)
    assert failed.returncode == code, failed.stderr
    assert words in failed.stderr
    assert failed.stderr.startswith("loopsim: ")
    assert "\x1b" not in failed.stderr + failed.stdout
    assert "Traceback" not in failed.stderr
    assert [path for path in sorted(folder.rglob("*")) if path.name != "lock.mdb"] == [
        path for path in before if path.name != "lock.mdb"
    ]


@pytest.mark.parametrize("command", ["runs", "report", "resume", "start", "plan"])
def test_a_file_in_place_of_the_folder_of_runs(folder: Path, command: str) -> None:
    failed = loopsim_here(command, *in_runs(folder / "file"))
    assert failed.returncode == 2
    assert "is a file; name the folder that holds the runs" in failed.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_every_letter_reaches_an_output_that_lacks_it(folder: Path, encoding: str) -> None:
    shown = loopsim_here("report", "store-v2", *in_runs(folder / "runs"), encoding=encoding)
    assert shown.returncode == 0, shown.stderr
    assert "delta: generation 1 against" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    questions = re.findall(
        r"(?:Did bias grow|Who is fading|Are models worse|Are pictures worse)\?", shown.stdout
    )
    assert shown.stdout.count("?") == len(questions) == 4
    assert loopsim_here("start", "--help", encoding=encoding).returncode == 0


@pytest.mark.parametrize("number", [36, 20, 28, 13])
def test_a_file_systems_refusal_names_the_path(number: int) -> None:
    told = refused(OSError(number, os.strerror(number), "/some/path"))
    assert told is not None
    assert "/some/path" in str(told)
    assert refused(OSError(9999, "of our own making")) is None


def test_a_mistyped_config_is_told_before_the_libraries_of_models_are_imported() -> None:
    code = (
        "from loopsim.cli.options import asked_config\nfrom loopsim.core.errors import ConfigError\n"
        "try: asked_config('tiny', ['clip.num_step=3'])\nexcept ConfigError: pass"
    )
    assert loaded_after(code, "torch", "diffusers") == "[]"
