"""What captions say and how good they are, against definitions and pycocoevalcap."""

from pathlib import Path

import numpy as np
import pytest

from loopsim.core.child import ChildFailed
from loopsim.metrics.captions import bleu4, cider_d, clip_score, gender_scores, rouge_l, spice
from tests.helpers.coco_server import server_tokens
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


# Captions that are hard to cut, each with the server's tokens; the first is the candidate, the others are
# references.
HARD = [
    [("A man in a red T-shirt doesn't smile.", "a man in a red t-shirt does n't smile"),
     ("A man wearing a t-shirt, who isn't smiling.", "a man wearing a t-shirt who is n't smiling"),
     ("The man's T-shirt is red.", "the man 's t-shirt is red")],
    [("a woman’s bag (brown) at 3:30", "a woman 's bag -lrb- brown -rrb- at 3:30"),
     ("The woman's brown bag", "the woman 's brown bag"),
     ("It's 3:30; a woman and her bag...", "it 's 3:30 a woman and her bag")],
    [("Мужчина стоит у дома", "мужчина стоит у дома"),
     ("Мужчина стоит у большого дома.", "мужчина стоит у большого дома")],
    [("Blick aus großer Höhe", "blick aus großer höhe"),
     ("Eine Stadt aus großer Höhe", "eine stadt aus großer höhe"), ("Höhe!", "höhe")],
    [("", ""), ("A dog runs", "a dog runs"), ("Dogs.", "dogs")],
    [("...!", ""), ("a cat", "a cat")],
    [("cat", "cat"), ("Cat.", "cat"), ("a black-and-white cat", "a black-and-white cat")],
    [("A dog and/or the U.S. flag", "a dog and/or the u.s. flag"),
     ("the U.S. flag, 1 1/2 feet", "the u.s. flag 1\u00A01/2 feet"), ("?", "")],
    [("a bird", "a bird"), ("-", ""), ("", "")],
    [("", ""), ("", ""), ("?", "")],
]  # fmt: skip
WRITTEN = [pairs[0][0] for pairs in HARD]
TRUTH = [[text for text, _ in pairs[1:]] for pairs in HARD]
WRITTEN_TOKENS = {i: [pairs[0][1]] for i, pairs in enumerate(HARD)}
TRUTH_TOKENS = {i: [tokens for _, tokens in pairs[1:]] for i, pairs in enumerate(HARD)}


def test_the_hard_captions_tokens_are_the_servers() -> None:
    pairs = [pair for group in HARD for pair in group]
    assert server_tokens([text for text, _ in pairs]) == [tokens for _, tokens in pairs]


def test_scores_are_the_servers_on_hard_captions() -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    bleu = Bleu(4).compute_score(TRUTH_TOKENS, WRITTEN_TOKENS, verbose=0)[0][3]
    assert value(bleu4(WRITTEN, TRUTH), len(HARD)) == pytest.approx(bleu, abs=1e-5)
    cider = Cider().compute_score(TRUTH_TOKENS, WRITTEN_TOKENS)[1]
    assert cider_d(WRITTEN, TRUTH) == pytest.approx(cider, abs=1e-5)
    rouge = Rouge().compute_score(TRUTH_TOKENS, WRITTEN_TOKENS)[1]
    assert rouge[-1] == 1  # nothing against nothing: there we differ
    assert rouge_l(WRITTEN, TRUTH) == pytest.approx([*rouge[:-1], 0], abs=1e-5)
    assert (rouge[:4] > 0.3).all()  # the tokens were found


def test_resampled_bleu_is_that_of_the_repeated_captions() -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    drawn = [0, 0, 2]
    repeated = Bleu(4).compute_score(
        {i: TRUTH_TOKENS[j] for i, j in enumerate(drawn)},
        {i: WRITTEN_TOKENS[j] for i, j in enumerate(drawn)},
        verbose=0,
    )[0][3]
    weights = np.zeros((2, len(HARD)), np.float32)
    weights[0, :3] = 2, 0, 1
    found = bleu4(WRITTEN, TRUTH)(weights, np.ones(len(HARD), bool))
    assert found[0] == pytest.approx(repeated, rel=1e-5)
    assert np.isnan(found[1]), "of no caption there is no score"


@pytest.mark.parametrize("text", ["", "...", "😀", "Мужчина"])
def test_captions_against_references_without_tokens_score_nothing(text: str) -> None:
    for references in (["", "?"], ["..."]):
        assert rouge_l([text] * 2, [references] * 2).tolist() == [0, 0]
        assert cider_d([text] * 2, [references] * 2).tolist() == [0, 0]
        assert value(bleu4([text] * 2, [references] * 2), 2) == pytest.approx(0, abs=1e-6)


def test_letters_outside_a_z_count() -> None:
    """They were deleted: captions in Cyrillic ended CIDEr-D with an error, and all had ROUGE-L 1.0."""
    captions, references = ["Мужчина стоит", "Кошка"], [["Мужчина стоит"], ["Женщина сидит"]]
    assert rouge_l(captions, references).tolist() == [1, 0]
    assert cider_d(captions, references)[0] > cider_d(captions, references)[1] == 0


def test_without_java_spice_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChildFailed, match="needs java on the PATH"):
        spice(WRITTEN, TRUTH)
