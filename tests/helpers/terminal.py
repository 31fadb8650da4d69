"""What a pipe of 80 columns gets of what is printed."""

import io
from collections.abc import Callable

from loopsim.core.text import IN_WORDS
from loopsim.report.terminal.screen import Screen


def printed(draw: Callable[[Screen], None], encoding: str = "utf-8") -> str:
    """The text that `draw` prints, checked to be readable in 80 columns without colour."""
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=IN_WORDS)
    draw(Screen(output, width=80))
    output.seek(0)
    text = output.read()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines()), default=0) <= 80
    return text
