"""What a pipe of 80 columns gets of what is printed."""

import io
from collections.abc import Callable

from rich.console import Console


def printed(draw: Callable[[Console], None]) -> str:
    """The text that `draw` prints, checked to be readable in 80 columns without colour."""
    output = io.StringIO()
    draw(Console(file=output, width=80))
    text = output.getvalue()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines()), default=0) <= 80
    return text
