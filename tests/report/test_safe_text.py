"""Text from data cannot steer a terminal, nor be read as markup."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loopsim.report.safe_text import printable, safe


@given(st.text(max_size=40))
def test_any_text_is_shown_as_it_stands_without_control_characters(text: str) -> None:
    assert printable(text).isprintable()
    output = io.StringIO()
    Console(file=output, width=1000, force_terminal=True, color_system="truecolor").print(
        safe("a" + text + "a"), highlight=False, soft_wrap=True, emoji=False
    )
    assert output.getvalue() == printable("a" + text + "a") + "\n"


def test_escape_sequences_and_markup_are_text() -> None:
    assert safe("\x1b[31mred") == "\ufffd[31mred"
    assert safe("[bold]x[/bold]") == r"\[bold]x\[/bold]"
