"""`data check` is whole or not at all: killed anywhere, the same command goes on."""

import os
import signal
import sys
from pathlib import Path

import pytest

from loopsim.core.errors import LoopsimError
from tests.helpers import corpora
from tests.helpers.manifests import check, data_config, draw, open_for_training

CALLS = ("open", "os.", "sqlite3.", "pathlib.")


def killed_at(number: int, work) -> bool:
    """Do work in a process that dies at its n-th call to the system; return whether it came so far."""
    child = os.fork()
    if child == 0:
        left = [number]

        def count(event: str, arguments: tuple) -> None:
            if event.startswith(CALLS):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_killed_at_any_call_the_same_check_goes_on(tmp_path: Path) -> None:
    source = corpora.folder_source(corpora.folder(tmp_path / "own", 4))
    data = data_config(train=source, retrieval=source)
    expected = check(data, tmp_path / "whole")
    number, died = 1, True
    while died:
        runs = tmp_path / f"runs{number}"
        died = killed_at(number, lambda runs=runs: check(data, runs))
        found = check(data, runs)
        assert (found.hash, found.state) in {(expected.hash, "frozen now"), (expected.hash, "as frozen")}
        manifests = list((runs / "manifests").iterdir())
        assert [path.name for path in manifests] == [Path(expected.manifest).name]  # nothing else stays
        number += 1
    assert number > 12
    assert draw(*open_for_training(data, runs)).pictures


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("m" * 200, None),
        ("m" * 255, "name too long"),
        ("m" * 256, "name too long"),
        ("d/" * 3000 + "m", "name too long"),
        ("folder", "no plain file"),
        ("pipe", "no plain file"),
        ("file/m.sqlite", "Not a directory"),
        ("zero\0", "no file can have that name"),
    ],
)
def test_a_manifest_that_cannot_be_there_is_one_clear_line(tmp_path: Path, manifest: str, words) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    source = corpora.folder_source(corpora.folder(tmp_path / "own", 4))
    data = data_config(train=source, manifest=str(tmp_path / manifest), holdout=0.5)
    if words is None:
        assert check(data, tmp_path).state == "frozen now"
        return
    with pytest.raises(LoopsimError, match=words) as caught:
        check(data, tmp_path)
    assert str(caught.value).isprintable()


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    data = data_config(train=corpora.folder_source(corpora.folder(tmp_path / "own", 4)), holdout=0.5)
    path = Path(check(data, tmp_path).manifest)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(LoopsimError, match=r"not a manifest.*delete it"):
        check(data, tmp_path)
