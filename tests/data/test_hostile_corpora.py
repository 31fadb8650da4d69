"""Corpora that were made to do harm, from `data check` to the first batches of training: no traceback, no
hang, nothing read outside of them, and little memory.
"""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from loopsim.core.errors import LoopsimError
from tests.helpers import corpora
from tests.helpers.hostile_containers import CONTAINERS, shards
from tests.helpers.hostile_corpora import FOLDERS, MARK, SECRET_COLOUR, secrets, sparse
from tests.helpers.hostile_publishers import PUBLISHED
from tests.helpers.manifests import check, data_config, draw, open_for_training

pytestmark = pytest.mark.hostile
SLOW = ("largest size allowed", "190 MB of nothing behind them")
HOSTILE = FOLDERS | PUBLISHED | CONTAINERS
SECONDS, BYTES = 60, 1_000_000_000


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Fail what takes too long or too much memory."""

    def ring(*_: object) -> None:
        raise AssertionError(f"hangs: {SECONDS} seconds have passed")

    before, now = signal.signal(signal.SIGALRM, ring), memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert memory("VmHWM") - now < BYTES


def memory(field: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in status if line.startswith(field)).split()[1])


def one_line(error: LoopsimError) -> str:
    text = str(error)
    assert text.isprintable(), text
    assert len(text) < 3000
    assert MARK not in text
    return text


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is Linux's")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name.endswith(SLOW) else []) for name in HOSTILE],
)
def test_a_hostile_corpus_is_refused_in_one_line_or_its_rows_are_counted(name: str, tmp_path: Path) -> None:
    case = HOSTILE[name]
    outside = secrets(tmp_path)
    sound = corpora.folder_source(corpora.folder(tmp_path / "sound", 4, first=50))
    source = case.make(tmp_path)
    roles = {"train": sound, "retrieval": sound} | {case.role: source}
    data, before = data_config(max_bad_share=1.0, **roles), set(tmp_path.rglob("*"))
    said, drawn = "", None
    with guarded():
        try:
            found = check(data, tmp_path / "runs")
            said = " | ".join(reason for split in found.splits for _, reason in split.bad_rows)
            drawn = draw(*open_for_training(data, tmp_path / "runs"))
        except LoopsimError as error:
            said = one_line(error)
            assert case.refused is not None, said
    assert re.search(case.refused or case.counted or "", said), said
    assert MARK not in said
    if case.refused is None:
        assert drawn is not None
        assert drawn.pictures
        assert not any(MARK in caption for caption in drawn.captions)
        assert not any((picture == np.array(SECRET_COLOUR)).all() for picture in drawn.pictures)
    else:
        assert drawn is None
    made = {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.rglob("*")) - before}
    assert made <= {"runs"}
    assert sorted(path.name for path in outside.iterdir()) == ["secret.csv", "secret.json", "secret.png"]


def test_there_are_at_least_sixty() -> None:
    assert len(HOSTILE) >= 60


def replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "cut": lambda path: os.truncate(path, 60),
    "empty": lambda path: os.truncate(path, 0),
    "a pipe": replaced_by(os.mkfifo),
    "a folder": replaced_by(Path.mkdir),
    "a device": replaced_by(lambda path: path.symlink_to("/dev/zero")),
    "another picture": lambda path: path.write_bytes(corpora.encoded(77, "PNG")),
    "a picture outside": replaced_by(lambda path: path.symlink_to(path.parents[2] / "outside/secret.png")),
    "no picture": lambda path: path.write_bytes(b"\x1b[31m" * 5000),
    "12 GB": lambda path: sparse(path, 12_000_000_000),
    "a name that leads nowhere": replaced_by(lambda path: path.symlink_to(path.name)),
}
KINDS: dict[str, Callable[[Path], tuple[dict, Path]]] = {
    "folder": lambda root: (
        corpora.folder_source(corpora.folder(root / "corpus", 1)),
        root / "corpus/pictures/000.jpg",
    ),
    "shards": lambda root: (shards(root, lambda path: path.unlink()), root / "corpus/00000.tar"),
    "saved dataset": lambda root: (
        {
            "format": "saved_dataset",
            "path": str(corpora.saved_dataset(root / "corpus")),
            "split": "train",
            "caption_columns": ["text"],
        },
        root / "corpus/train/data-00000-of-00001.arrow",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_changed_since_it_was_checked_is_named(kind: str, change: str, tmp_path: Path) -> None:
    secrets(tmp_path)
    sound = corpora.folder_source(corpora.folder(tmp_path / "sound", 3, first=50))
    source, path = KINDS[kind](tmp_path)
    data = data_config(train=source, retrieval=sound)
    check(data, tmp_path / "runs")
    opened = open_for_training(data, tmp_path / "runs")
    CHANGES[change](path)
    with guarded(), pytest.raises(LoopsimError) as caught:
        draw(*opened)
    assert path.name in one_line(caught.value)
