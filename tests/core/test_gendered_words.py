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
    ],
)
def test_a_captions_gender(caption: str, gender: str) -> None:
    assert caption_gender(caption) == gender
