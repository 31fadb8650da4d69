"""What captions say and how good they are, against definitions and pycocoevalcap."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from loopsim.core.child import ChildFailed
from loopsim.core.errors import Interrupted
from loopsim.core.interrupt import Interrupt
from loopsim.metrics.captions import bleu4, cider_d, clip_score, gender_scores, meteor, rouge_l, spice
from tests.helpers.oracles import value


def test_an_always_neutral_captioner_does_not_look_perfect() -> None:
    scores = gender_scores(
        ["a cook", "a man", "a woman", "a man and a woman"], ["man", "woman", "woman", "man"]
    )
    assert [scores[name].tolist() for name in ("error", "neutral", "both", "single")] == [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 1, 0],
    ]


def test_clip_score_is_clipped_and_scaled() -> None:
    assert clip_score(
        np.array([[1.0, 0], [1, 0]]), np.array([[0.6, 0.8], [-1, 0]])
    ).tolist() == pytest.approx([1.5, 0])


CAPTIONS = (
    "a man next to a dog in a park",
    "a woman with a cup",
    "a photo of a cook",
    "someone and a cat on a street",
)


REFERENCES = [["a man beside a dog in a park", "a person and a dog"],
              ["a woman and a cup", "a female cook with a cup"], ["a picture of a cook"] * 2,
              ["a cat on a street", "a woman and a cat on a street"]]  # fmt: skip


def test_caption_scores_are_pycocoevalcaps() -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    truth = dict(enumerate(REFERENCES))
    written = {i: [text] for i, text in enumerate(CAPTIONS)}
    reference = Bleu(4).compute_score(truth, written, verbose=0)[0][3]
    assert value(bleu4(CAPTIONS, REFERENCES), 4) == pytest.approx(reference, rel=1e-5)
    subset = np.array([[2, 0, 1, 0]], np.float32)
    drawn = [0, 0, 2]
    repeated = Bleu(4).compute_score(
        {i: REFERENCES[j] for i, j in enumerate(drawn)},
        {i: [CAPTIONS[j]] for i, j in enumerate(drawn)},
        verbose=0,
    )[0][3]
    assert bleu4(CAPTIONS, REFERENCES)(subset, np.ones(4, bool))[0] == pytest.approx(repeated, rel=1e-5)
    assert rouge_l(["a Man, next to a dog."], [["a man next to a dog"]])[0] == pytest.approx(1)
    assert cider_d(["nothing alike", *CAPTIONS[1:]], REFERENCES)[0] == 0
    identical = cider_d([r[0] for r in REFERENCES], REFERENCES)
    assert (identical >= cider_d(CAPTIONS, REFERENCES) - 1e-6).mean() >= 0.75


def test_meteor_is_pycocoevalcaps_where_there_is_java() -> None:
    if shutil.which("java") is None:
        pytest.skip("no java here")
    from pycocoevalcap.meteor.meteor import Meteor

    truth = dict(enumerate(REFERENCES))
    written = {i: [text] for i, text in enumerate(CAPTIONS)}
    reference = Meteor().compute_score(truth, written)[1]
    assert meteor(CAPTIONS, REFERENCES).tolist() == pytest.approx(reference, rel=1e-6)
    scores = meteor(["a man next to a dog", "a cat"], [["a man next to a dog"], ["a man next to a dog"]])
    assert scores[0] > 0.9
    assert scores[1] < 0.3


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
        ("read line; echo 'counts'; kill -9 $$", "java ended with code -9"),
        ("exec sleep 1000", "java gave no answer for 1 seconds"),
        ("while read line; do echo 'counts'; done", "java gave no answer for 1 seconds"),
        ("while read line; do for i in 1 2 3 4 5; do echo 'nonsense'; done; done", "gave no score"),
    ],
)
def test_java_that_dies_or_hangs_is_told_of_and_does_not_outlive_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    java(tmp_path, script, monkeypatch)
    with pytest.raises(ChildFailed, match=told):
        meteor(CAPTIONS, REFERENCES, patience=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_an_interrupt_ends_meteor_and_its_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, "exec sleep 1000", monkeypatch)

    def stop() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            os.kill(os.getpid(), signal.SIGINT)  # as the terminal does: `requested`, then `check` raises
        interrupt.check()

    with Interrupt() as interrupt, pytest.raises(Interrupted):
        meteor(CAPTIONS, REFERENCES, stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_without_java_what_needs_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for score in (meteor, spice):
        with pytest.raises(ChildFailed, match="needs java on the PATH"):
            score(CAPTIONS, REFERENCES)
