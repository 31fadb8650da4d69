"""The gender that a caption names."""

import pytest

from loopsim.core.gendered_words import caption_gender


@pytest.mark.parametrize(
    ("caption", "gender"),
    [
        ("A woman and her dog", "woman"),
        ("a photo of HIS car", "man"),
        ("a man with a woman", "both"),
        ("a mango on a human chair", "neutral"),
        ("the cook", "neutral"),
        ("policewoman.", "woman"),
        ("a woman's bag", "woman"),
        ("the men’s room", "man"),
        ("someone on his/her phone", "both"),
        ("he's here", "man"),
        ("Blick aus großer Höhe", "neutral"),  # no "he"
        ("ein Ehemannfoto im Hémisphère", "neutral"),
        ("Café der Männer", "neutral"),
        ("a queen-size bed on a man-made island", "neutral"),
    ],
)
def test_a_captions_gender(caption: str, gender: str) -> None:
    assert caption_gender(caption) == gender
