"""Nothing that is printed steers a terminal, is read as markup, or stops at a letter an output lacks."""

import ast
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import loopsim
from loopsim.core.text import IN_WORDS, printable, printable_lines, spelled
from loopsim.report.terminal.screen import GuardedStream, Screen, guard_streams, marked, screen
from tests.helpers.terminal import printed

ROOT = Path(loopsim.__file__).parent
SCREEN = "report/terminal/screen.py"
# Calls that reach a terminal, or have something there read as markup, and the files that may make them.
AROUND = {
    "print": (),
    "Console": (SCREEN,),
    "Progress": (SCREEN, "report/terminal/live.py", "cli/data.py"),
    "from_markup": (SCREEN,),
    "from_ansi": (),
    "get_console": (),
    "echo": (),
    "secho": (),
    "open_file": (),
}
STREAMS = {
    "stdout": (SCREEN, "cli/options.py"),  # options.py: JSON, and printable cells
    "stderr": (SCREEN,),
    "__stdout__": (),
    "__stderr__": (),
}
# Python's own handler of a second Ctrl-C writes two fixed texts, when nothing else may run any more.
OS_WRITE = ("core/interrupt.py",)


def ways_around(path: Path) -> list[str]:
    """What of a file's source prints without the screen."""
    name, found = path.relative_to(ROOT).as_posix(), []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            own_method = called == "print" and isinstance(node.func, ast.Attribute)
            if called in AROUND and name not in AROUND[called] and not own_method:
                found.append(f"{name}:{node.lineno}: {called}(")
            markup = [
                word for word in node.keywords if word.arg == "markup" and ast.unparse(word.value) != "False"
            ]
            found += [f"{name}:{node.lineno}: markup=" for _ in markup]
            raw = ast.unparse(node).startswith(("os.write(1,", "os.write(2,"))
            if raw and name not in OS_WRITE:
                found.append(f"{name}:{node.lineno}: os.write(")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            place = (node.value.id, node.attr)
            if place[0] == "sys" and name not in STREAMS.get(node.attr, (name,)):
                found.append(f"{name}:{node.lineno}: sys.{node.attr}")
    return found


def test_nothing_is_printed_around_the_screen() -> None:
    assert [way for path in sorted(ROOT.rglob("*.py")) for way in ways_around(path)] == []


@pytest.mark.parametrize("line", ["print(x)", "Console().print(x)", "sys.stderr.write(x)", "os.write(1, x)"])
def test_a_print_around_it_would_be_found(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "module.py").write_text(f"import os, sys\n{line}\n")
    assert len(ways_around(tmp_path / "module.py")) == 1


@given(st.text(max_size=40))
def test_any_text_is_shown_as_it_stands_without_control_characters(text: str) -> None:
    assert printable(text).isprintable()
    output = io.StringIO()
    Screen(output, width=1000).print("a" + text + "a", soft_wrap=True)
    assert output.getvalue() == printable_lines("a" + text + "a") + "\n"
    output = io.StringIO()
    Screen(output, width=1000).print(marked("[bold]{}[/bold]", "a" + text + "a"), soft_wrap=True)
    assert output.getvalue() == printable("a" + text + "a") + "\n"


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "[bold]x[/bold]", "[/nothing]", ":smile:", "\u202egnp", "\x9b2J"]
)
def test_escape_sequences_and_markup_are_text_wherever_they_stand(text: str) -> None:
    def draw(console: Screen) -> None:
        table = Table(text, title=text, box=None)
        table.add_row(text)
        table.add_row(Text(text))
        console.print(text)
        console.print(table)
        console.print(marked("[bold]{}[/bold]", text), style="dim")

    words = [line.strip() for line in printed(draw).splitlines()]
    assert words == [printable(text)] * 6


def test_a_colour_terminal_gets_our_styles_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    output = io.StringIO()
    console = Screen(output, width=80)
    console.print(marked("[bold]{}[/bold]", "[red]ours"))
    assert output.getvalue() == "\x1b[1m[red]ours\x1b[0m\n"
    console.print(Text.from_ansi("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ [red]\x1b[2J"))
    assert "example.org" not in output.getvalue()
    assert "\x1b]" not in output.getvalue()
    assert "\x1b[2J" not in output.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_signs_that_an_output_lacks_are_words(encoding: str) -> None:
    shown = printed(lambda console: console.print("α Δ ± → − … ▁█ ×"), encoding)
    expected = {
        "ascii": "alpha delta +- -> - ... _# x",
        "latin-1": "alpha delta ± -> - ... _# ×",
        "cp1252": "alpha delta ± -> - … _# ×",
        "utf-8": "α Δ ± → − … ▁█ ×",
    }
    assert shown == expected[encoding] + "\n"
    assert spelled("写", "ascii") == r"\u5199"


def test_what_is_cut_fits_its_column_in_ascii() -> None:
    def draw(console: Screen) -> None:
        table = Table(box=None, show_header=False, padding=0)
        table.add_column(width=8, no_wrap=True, overflow="ellipsis")
        table.add_row("a long metric")
        console.print(table)

    assert printed(draw, "ascii").strip() == "a long ~"
    assert printed(draw).strip() == "a long …"


def test_libraries_messages_are_lines_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", errors)
    guard_streams()
    assert isinstance(sys.stderr, GuardedStream)
    sys.stderr.write("warning: \x1b]0;title\x07α\n50 %\r100 %\n")
    screen(stderr=True).print("ours →")
    sys.stderr.flush()
    errors.seek(0)
    assert errors.read() == "warning: ?]0;title?alpha\n50 %\n100 %\nours ->\n"
    assert sys.stdout.errors == IN_WORDS
