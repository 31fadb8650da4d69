"""The one way to the terminal: whatever is printed here cannot steer it, is no markup, and can be encoded."""

import io
import sys
from collections.abc import Iterable
from typing import IO, Any, TextIO, final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from loopsim.core.text import IN_WORDS, printable, printable_lines, spelled

CUT = "~"  # rich's mark of a text that was cut, one column wide, where the encoding lacks "…"


@final
class Screen(Console):
    """A console that prints strings as they stand: no markup, no control character but the newline, and words
    for signs that the stream's encoding lacks. Only `marked` gives styles.
    """

    def __init__(self, file: IO[str], *, width: int | None = None, quiet: bool = False) -> None:
        super().__init__(file=file, width=width, quiet=quiet, markup=False, emoji=False, highlight=False)

    def _shown(self, text: str) -> str:
        return spelled(printable_lines(text), self.encoding)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as rich lays it out, with its words in place already."""
        return super().render_str(self._shown(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of anything; all that is printed passes here."""
        if isinstance(renderable, Text) and self._shown(renderable.plain) != renderable.plain:
            renderable = self._respelled(renderable)
        for segment in super().render(renderable, options):
            yield segment if segment.control else self._safe(segment)

    def _respelled(self, text: Text) -> Text:
        parts = [(self._shown(part.text), part.style or "") for part in text.render(self)]
        return Text.assemble(
            *parts, justify=text.justify, overflow=text.overflow, no_wrap=text.no_wrap, end=text.end
        )

    def _safe(self, segment: Segment) -> Segment:
        text = printable_lines(segment.text)
        if "…" in text and spelled("…", self.encoding) != "…":
            text = text.replace("…", CUT)
        style = segment.style
        return Segment(text, style.update_link(None) if style is not None and style.link else style)


def screen(*, stderr: bool = False, quiet: bool = False) -> Screen:
    """Return what prints to standard output, or to standard error."""
    stream = sys.stderr if stderr else sys.stdout
    return Screen(stream.terminal if isinstance(stream, GuardedStream) else stream, quiet=quiet)


def marked(template: str, *values: object) -> Text:
    """Return our own markup with values in its `{}`, which stand there as they are, each on one line."""
    shown = (escape(printable(str(value))) for value in values)
    return Text.from_markup(template.format(*shown), emoji=False)


def bars() -> Progress:
    """Return a progress display on standard error that leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=screen(stderr=True),
        transient=True,
    )


@final
class GuardedStream(io.TextIOBase):
    """Standard error for everybody else (libraries' warnings and logs, Python itself): lines of text, and no
    control characters. `terminal` is the stream itself, for `Screen`.
    """

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's own encoding."""
        return self.terminal.encoding

    def write(self, text: str) -> int:
        """Write a text without control characters; what a carriage return would overwrite stands on lines of
        its own.
        """
        self.terminal.write(printable_lines(text.replace("\r", "\n").expandtabs()))
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def flush(self) -> None:
        """Flush the stream."""
        self.terminal.flush()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self.terminal.fileno()


def guard_streams() -> None:
    """Let nothing that this process prints stop it by a letter that its output lacks, nor steer the terminal
    from a library's message.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=IN_WORDS)
    sys.stderr = GuardedStream(sys.stderr)
