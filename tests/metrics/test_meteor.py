"""METEOR from its program's counts: of one caption, and of a corpus, which is not the captions' mean."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from loopsim.core.child import ChildFailed
from loopsim.core.errors import Interrupted
from loopsim.core.interrupt import Interrupt
from loopsim.core.ptb_tokens import tokens_of
from loopsim.metrics.estimate import by_group
from loopsim.metrics.meteor import corpus_meteor, meteor_counts, meteor_of
from tests.helpers.oracles import value

# What METEOR 1.5 prints for a man next to a dog and others (SCORE), and what it makes of them (EVAL).
COUNTS = np.array(
    [[5, 6, 3, 3, 2, 2, 2, 2, *[0] * 12, 2, 4, 4], [5, 5, 3, 3, 2, 2, 3, 3, *[0] * 12, 1, 5, 5],
     [0, 5, 0, 3, *[0] * 16, 0, 0, 0], [1, 2, 0, 1, *[0] * 16, 0, 0, 0], [2, 0, 1, 0, *[0] * 16, 0, 0, 0],
     [4, 2, 0, 0, 2, 2, 0, 0, *[0] * 12, 1, 2, 2], [1, 1, 0, 0, 1, 1, 0, 0, *[0] * 12, 1, 1, 1],
     [0] * 23, [1, 1, 1, 1, 0, 0, 1, 1, *[0] * 12, 1, 1, 1]],
    np.float64,
)  # fmt: skip
SCORES = [0.3308534455565891, 1, 0, 0, 0, 0.4153649234976744, 1, 0, 1]
OF_ALL = 0.34254127975421145
CAPTIONS = ["A man's T-shirt isn't red.", "a cat", "", "...", "Мужчина стоит", "dogs running quickly", "cat",
            "a cat <!-- ||| a dog -->"]  # fmt: skip
REFERENCES = [["The man's t-shirt is red", "a man"], ["a dog", "the black cat"], ["a dog"], ["a", "?"],
              ["Мужчина стоит у дома", ""], ["a dog runs fast"], ["..."], ["a dog"]]  # fmt: skip


def test_scores_from_counts_are_the_programs() -> None:
    assert meteor_of(COUNTS) == pytest.approx(SCORES, abs=1e-12)
    assert value(corpus_meteor(COUNTS), len(COUNTS)) == pytest.approx(OF_ALL, abs=1e-7)
    assert abs(np.mean(SCORES) - OF_ALL) > 0.05  # what was told before


def test_a_groups_score_and_a_replicate_are_those_of_their_own_captions() -> None:
    groups = ["a", "a", "b", "b", "a", "b", "b", "a", "b"]
    weights = np.array([[1, 0, 2, 1, 0, 3, 0, 1, 1], [0, 0, 1, 1, 0, 5, 0, 0, 2]], np.float32)
    found = by_group(corpus_meteor(COUNTS), {"g": groups}, {"g": ["a", "b"]}, 9, weights)
    for group in "ab":
        mine = np.flatnonzero(np.array(groups) == group)
        estimate = found[f"g={group}"]
        assert estimate.value == pytest.approx(value(corpus_meteor(COUNTS[mine]), len(mine)))
        repeated = np.repeat(mine, weights[0, mine].astype(int))
        assert estimate.replicates is not None
        assert estimate.replicates[0] == pytest.approx(value(corpus_meteor(COUNTS[repeated]), len(repeated)))
    assert found["g=a"].replicates is not None
    assert np.isnan(found["g=a"].replicates[1]), "none of the group was drawn"


@pytest.mark.slow
def test_counts_and_scores_are_pycocoevalcaps_where_there_is_java() -> None:
    if shutil.which("java") is None:
        pytest.skip("no java here")
    from pycocoevalcap.meteor.meteor import Meteor

    truth = {i: [" ".join(tokens_of(text)) for text in texts] for i, texts in enumerate(REFERENCES)}
    written = {i: [" ".join(tokens_of(text))] for i, text in enumerate(CAPTIONS)}
    of_all, each = Meteor().compute_score(truth, written)
    counts = meteor_counts(CAPTIONS, REFERENCES)
    assert meteor_of(counts) == pytest.approx(each, abs=1e-5)
    assert value(corpus_meteor(counts), len(CAPTIONS)) == pytest.approx(of_all, abs=1e-5)
    assert meteor_of(counts)[[2, 3, 6]].tolist() == [0, 0, 0], "nothing was said, or nothing could be right"
    assert meteor_of(counts)[-1] < 0.5, "what keeps captions apart in the program's lines is left out"


def java(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program named java before all others: it notes its process's number, and does what it is told."""
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho $$ > {folder}/pid\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'no heap' >&2; exit 1", "java ended with code 1: no heap"),
        (f"read line; echo '{'0 ' * 23}'; kill -9 $$", "java ended with code -9"),
        ("exec sleep 1000", "java gave no answer for 1 seconds"),
        (f"read line; echo '{'0 ' * 23}'; exec sleep 1000", "java gave no answer for 1 seconds"),
        ("while read line; do echo 'nonsense'; done", "java gave no counts, but 'nonsense'"),
        ("while read line; do echo '1.0 2.0'; done", "java gave no counts, but '1.0 2.0'"),
    ],
)
def test_java_that_dies_or_hangs_is_told_of_and_does_not_outlive_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    java(tmp_path, script, monkeypatch)
    with pytest.raises(ChildFailed, match=told):
        meteor_counts(CAPTIONS, REFERENCES, patience=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_an_interrupt_ends_meteor_and_its_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, "exec sleep 1000", monkeypatch)

    def stop() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            os.kill(os.getpid(), signal.SIGINT)  # as the terminal does: `requested`, then `check` raises
        interrupt.check()

    with Interrupt() as interrupt, pytest.raises(Interrupted):
        meteor_counts(CAPTIONS, REFERENCES, stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_without_java_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChildFailed, match="needs java on the PATH"):
        meteor_counts(CAPTIONS, REFERENCES)
