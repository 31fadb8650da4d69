"""Every script can be read on a sheet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from loopsim.core.text import printable
from loopsim.report.lettering import Lettering

SPEAKS = ["a nurse smiles", "Фотография врача", "صورة ممرضة", "νοσοκόμα", "👩🏿\u200d⚕️ 🔥"]


def drawn(text: str) -> bytes:
    sheet = Image.new("RGB", (400, 30), "white")
    Lettering(14).draw(ImageDraw.Draw(sheet), (4, 4), text, "black")
    return sheet.tobytes()


@pytest.mark.parametrize("text", SPEAKS)
def test_letters_of_every_script_are_drawn_and_differ(text: str) -> None:
    lettering = Lettering(14)
    assert lettering.width(text) > 0
    assert lettering.lacking == set()
    letters = sorted({letter for letter in text if letter.isalpha()})
    assert len({drawn(letter) for letter in letters}) == len(letters), "no two are the same box"
    assert drawn(text) != drawn("")


def test_joined_emoji_are_one_picture() -> None:
    lettering = Lettering(14)
    assert lettering.width("👩🏿\u200d⚕️") < 1.5 * lettering.width("👩")
    assert len(lettering.wrapped("👩🏿\u200d⚕️" * 30, 100, 99)) > 1
    assert all(not line.startswith("\u200d") for line in lettering.wrapped("👩🏿\u200d⚕️" * 30, 100, 99))


def test_what_no_font_has_is_told_and_what_steers_is_not_drawn() -> None:
    lettering = Lettering(14)
    lettering.width("a\U0010fffe")
    assert lettering.lacking == {"\ufffd"} or lettering.lacking == set()
    assert drawn("a\u202eb") == drawn("a\ufffdb")
    lettering.width("\U000323af")  # a Chinese character that hardly a font has
    assert lettering.lacking <= {"\ufffd", "\U000323af"}


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8", max_codepoint=0x4FF), max_size=80))
def test_lines_are_narrow_and_no_letter_is_lost(text: str) -> None:
    lettering = Lettering(10)
    lines = lettering.wrapped(text, 138, 999)
    assert all(lettering.width(line) <= 138 for line in lines)
    assert "".join("".join(lines).split()) == "".join(printable(text).split())
