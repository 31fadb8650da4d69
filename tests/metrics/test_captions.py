"""What captions say and how good they are, against definitions and pycocoevalcap."""

import numpy as np
import pytest

from loopsim.metrics.captions import bleu4, cider_d, clip_score, gender_scores, meteor, rouge_l
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


def test_meteor_scores_a_perfect_caption_highest_where_there_is_java() -> None:
    scores = meteor(["a man next to a dog", "a cat"], [["a man next to a dog"], ["a man next to a dog"]])
    if scores is None:
        pytest.skip("no java here")
    assert scores[0] > 0.9
    assert scores[1] < 0.3
